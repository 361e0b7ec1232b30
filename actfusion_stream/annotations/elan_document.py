"""What an ELAN file (.eaf) says, element by element: a tree of a hostile one would fill the memory.

63 MB of elements within each other take 2.5 GB and 13 s as a tree of ElementTree; here they are refused at
the first that lies too deep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn
from xml.parsers import expat

_DEEPEST = 50  # elements within each other; ELAN has 6
_LONGEST = 1 << 20  # bytes of one tag with its attributes
_LONGEST_TEXT = 1000  # characters of a value that are kept; a label has fewer
_MOST_TIERS = 10_000
_PIECE = 1 << 16  # characters that are read at a time


class Annotation(NamedTuple):
    """An annotation in time: its name, the slots where it starts and ends, and its value."""

    name: str
    start: str
    end: str
    label: str


@dataclass
class ElanDocument:
    """What matters here of a file.

    Attributes:
        slots: time slots: their values as they stand there, None where there is none.
        tiers: annotations in time by tier.
        remarks: values of annotations that refer to one in time, by tier and by name of that one.
        media: attributes of the linked media.
    """

    slots: dict[str, str | None] = field(default_factory=dict)
    tiers: dict[str, list[Annotation]] = field(default_factory=dict)
    remarks: dict[str, dict[str, str]] = field(default_factory=dict)
    media: list[dict[str, str]] = field(default_factory=list)


def parse_elan(text: str) -> ElanDocument:
    """Read a file's text.

    Raises:
        ValueError: it is no such file, or one that nobody would write; in a line.
    """
    reader = _Reader()
    try:
        for start in range(0, len(text), _PIECE):
            reader.read(text[start : start + _PIECE].encode())
        reader.read(b"", last=True)
    except expat.ExpatError as error:
        raise ValueError(f"not an ELAN file: {error}") from error
    return reader.document


class _Reader:
    """Takes note of the elements that matter, as expat comes by them."""

    def __init__(self) -> None:
        self.document = ElanDocument()
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        self._read = self._depth = 0
        self._tier: list[Annotation] = []
        self._remarks: dict[str, str] = {}  # of the tier
        self._annotation: dict[str, str] | None = None
        self._label: list[str] | None = None  # of the annotation, while its value is read
        self._labelled = ""

    def read(self, piece: bytes, *, last: bool = False) -> None:
        self._parser.Parse(piece, last)
        self._read += len(piece)
        if self._read - self._parser.CurrentByteIndex > _LONGEST + _PIECE:  # it waits for the end of a tag
            raise ValueError(f"has a tag of more than {_LONGEST} bytes, which ELAN files do not have")

    def _doctype(self, *_: object) -> NoReturn:  # ELAN writes none; entities can explode
        raise ValueError("has a DOCTYPE, which ELAN files do not have")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._depth == 0 and tag != "ANNOTATION_DOCUMENT":
            raise ValueError(f"not an ELAN file: its root is {tag[:50]!r}")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"has {self._depth} elements within each other, which ELAN files do not have")
        if tag == "TIME_SLOT":
            self.document.slots[attributes.get("TIME_SLOT_ID", "")] = attributes.get("TIME_VALUE")
        elif tag == "TIER":
            name = attributes.get("TIER_ID", "")
            self._tier = self.document.tiers.setdefault(name, [])
            self._remarks = self.document.remarks.setdefault(name, {})
            if len(self.document.tiers) > _MOST_TIERS:
                raise ValueError(f"has more than {_MOST_TIERS} tiers")
        elif tag == "MEDIA_DESCRIPTOR" and len(self.document.media) < _MOST_TIERS:
            self.document.media.append(attributes)
        elif tag in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            self._annotation, self._labelled = attributes, ""
        elif tag == "ANNOTATION_VALUE" and self._annotation is not None:
            self._label = []

    def _text(self, text: str) -> None:
        if self._label is not None and sum(map(len, self._label)) < _LONGEST_TEXT:
            self._label.append(text[:_LONGEST_TEXT])

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag == "ANNOTATION_VALUE" and self._label is not None:
            self._labelled, self._label = "".join(self._label).strip(), None
        elif tag == "ALIGNABLE_ANNOTATION" and self._annotation is not None:
            name, start, end = (
                self._annotation.get(attribute, "")
                for attribute in ("ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2")
            )
            self._tier.append(Annotation(name, start, end, self._labelled))
            self._annotation = None
        elif tag == "REF_ANNOTATION" and self._annotation is not None:
            self._remarks[self._annotation.get("ANNOTATION_REF", "")] = self._labelled
            self._annotation = None
