"""Text on pictures: OpenCV 5's own font engine with its built-in typefaces, Rubik, and WenQuanYi for CJK.

Class names are broken over lines where there is no room beside them. Where even that is too little, words are
left out, first those that many classes share: names that differ in one word stay apart.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from bidi import get_display

from actfusion_stream.views.palette import Color
from actfusion_stream.views.wording import spoken

BOLD, REGULAR = 600, 400  # weights
_LEFT_OUT = "…"
_TOLD = 3  # names that a note tells


class Typeface:
    """Draws text, and knows how the classes are called on a picture.

    Attributes:
        note: which classes cannot be written on a picture, "" where all can be.

    Args:
        class_names: the classes in the order of the checkpoint.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._font = cv2.FontFace("sans")
        self._shown = {name: unicodedata.normalize("NFC", spoken(name)) for name in class_names}
        lacking = {c for c in set("".join(self._shown.values())) if self._lacks(c)}
        refused = [name for name, shown in self._shown.items() if lacking.intersection(shown)]
        self._shown |= {name: f"class {place}" for place, name in enumerate(class_names) if name in refused}
        self.note = ""
        if refused:
            told = ", ".join(f"{name!r} as {self._shown[name]!r}" for name in refused[:_TOLD])
            more = f", and {len(refused) - _TOLD} more" if len(refused) > _TOLD else ""
            self.note = f"letters that cannot be drawn on pictures here; {told}{more}"
        self._names = Counter(word for shown in self._shown.values() for word in set(shown.split()))

    def name(self, label: str) -> str:
        """How a class is called on a picture; one that is not of the model as it is."""
        return self._shown.get(label) or spoken(label)

    def names(self) -> Iterable[str]:
        return self._shown.values()

    def draw(
        self, canvas: np.ndarray, text: str, x: int, baseline: int, size: int, weight: int, color: Color
    ) -> int:
        """Draw one line and return the x at which it ends."""
        if text:
            cv2.putText(canvas, _visual(text), (x, baseline), color, self._font, size, weight)
        return x + self.width(text, size, weight)

    def width(self, text: str, size: int, weight: int) -> int:
        """Pixels from where a line begins to where it ends."""
        x, _, width, _ = cv2.getTextSize((0, 0), _visual(text), (0, 0), self._font, size, weight)
        return int(x + width)

    def fit(self, text: str, width: int, size: int, weight: int) -> str:
        """Shorten `text` at its end until it is at most `width` pixels wide; empty if nothing fits."""
        if self.width(text, size, weight) <= width:
            return text
        for length in range(len(text) - 1, 0, -1):
            short = text[:length].rstrip() + _LEFT_OUT
            if self.width(short, size, weight) <= width:
                return short
        return ""

    def broken(self, text: str, widths: Sequence[int], size: int, weight: int) -> list[str]:
        """A text in as many lines as there are widths, or fewer.

        Args:
            text: what to write.
            widths: pixels of each line.
            size, weight: of the text.

        Returns:
            The lines. What does not fit has words left out, the most common ones of the class names first, of
            equals the last; a single word that is too long is cut.
        """
        words = text.split()
        while (lines := self._filled(words, widths, size, weight)) is None:
            kept = [i for i, word in enumerate(words) if word != _LEFT_OUT]
            if len(kept) == 1:
                return [self.fit(words[kept[0]], widths[0], size, weight)]
            words[max(kept, key=lambda i: (self._names[words[i]], i))] = _LEFT_OUT
            words = [word for i, word in enumerate(words) if not i or {word, words[i - 1]} != {_LEFT_OUT}]
        return lines

    def fits(self, text: str, widths: Sequence[int], size: int, weight: int) -> bool:
        """Whether a text goes into lines of those widths as it is."""
        return self._filled(text.split(), widths, size, weight) is not None

    def wrapped(self, text: str, width: int, size: int, weight: int) -> list[str]:
        """`text` in as many lines of `width` pixels as it takes."""
        lines = self._filled(text.split(), [width] * len(text.split()), size, weight)
        return lines or [self.fit(word, width, size, weight) for word in text.split()]

    def _filled(
        self, words: Sequence[str], widths: Sequence[int], size: int, weight: int
    ) -> list[str] | None:
        """Words in lines of at most these widths, each as full as can be; None where they do not fit."""
        lines: list[str] = []
        for word in words:
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, size, weight) <= widths[len(lines) - 1]:
                lines[-1] = longer
            elif len(lines) < len(widths) and self.width(word, size, weight) <= widths[len(lines)]:
                lines.append(word)
            else:
                return None
        return lines

    def _lacks(self, character: str) -> bool:
        """Whether there is no letter for it, or one that would have to be joined to its neighbours."""
        if character in " ?" or unicodedata.bidirectional(character) == "AL":  # Arabic and its kin
            return character not in " ?"
        return bool(np.array_equal(self._sample(character), self._sample("?")))

    def _sample(self, character: str) -> np.ndarray:
        canvas = np.zeros((40, 60, 3), np.uint8)
        cv2.putText(canvas, character, (5, 30), (255, 255, 255), self._font, 24, REGULAR)
        return canvas


@lru_cache(maxsize=1024)
def _visual(text: str) -> str:
    """A line in the order in which its letters stand: Hebrew is drawn from right to left."""
    if not any(unicodedata.bidirectional(character) == "R" for character in text):
        return text
    return str(get_display(text))
