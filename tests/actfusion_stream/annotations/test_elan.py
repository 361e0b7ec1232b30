"""ELAN's files: times of the video, whatever ELAN's own start at; what is written; what is refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pympi.Elan import Eaf

from actfusion_stream.annotations.annotated import Annotated, in_milliseconds
from actfusion_stream.annotations.elan import read_elan
from actfusion_stream.annotations.formats import write_file
from actfusion_stream.annotations.segments import Segment
from actfusion_stream.errors import StreamError


def eaf(path: Path, slots: dict[str, int | None], acts: list[tuple[str, str, str]], media: str = "") -> Path:
    """A file of one tier, and an empty one.

    Args:
        path: to write.
        slots: milliseconds by time slot.
        acts: label, first and last slot of each annotation.
        media: its media descriptors.
    """
    times = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="{name}"' + ("/>" if value is None else f' TIME_VALUE="{value}"/>')
        for name, value in slots.items()
    )
    rows = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{i}" TIME_SLOT_REF1="{first}" '
        f'TIME_SLOT_REF2="{last}"><ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>'
        "</ANNOTATION>"
        for i, (label, first, last) in enumerate(acts)
    )
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?><ANNOTATION_DOCUMENT><HEADER>{media}</HEADER>'
        f'<TIME_ORDER>{times}</TIME_ORDER><TIER TIER_ID="acts">{rows}</TIER><TIER TIER_ID="empty"/>'
        "</ANNOTATION_DOCUMENT>"
    )
    return path


def medium(url: str, kind: str = "video/mp4", **more: object) -> str:
    attributes = "".join(f' {name}="{value}"' for name, value in more.items())
    return f'<MEDIA_DESCRIPTOR MEDIA_URL="{url}" MIME_TYPE="{kind}"{attributes}/>'


def test_the_only_tier_with_annotations_is_read(tmp_path: Path) -> None:
    path = eaf(tmp_path / "v.eaf", {"a": 100, "b": 900}, [("stir", "a", "b")])
    assert read_elan(path) == [Segment("stir", 0.1, 0.9)]


@pytest.mark.parametrize(
    ("media", "start"),
    [
        ("", 0.1),
        (medium("file:///films/v.mp4"), 0.1),
        (medium("file:///films/v.mp4", TIME_ORIGIN=2000), 2.1),
        (medium("file:///films/other.mp4", TIME_ORIGIN=2000), 2.1),  # the only one, whatever it is called
        (medium("file:///a.mp4", TIME_ORIGIN=5000) + medium("file:///v.mp4", TIME_ORIGIN=300), 0.4),
        (medium("file:///a.mp4", TIME_ORIGIN=5000) + medium("file:///v.mp4"), 0.1),
        (medium("file:///a.mp4", TIME_ORIGIN=5000) + medium("file:///b.mp4", TIME_ORIGIN=300), 5.1),
        (
            medium("file:///v.wav", "audio/x-wav", TIME_ORIGIN=5000)
            + medium("x", RELATIVE_MEDIA_URL="../v.mp4", TIME_ORIGIN=300),
            0.4,
        ),
        (medium("C:\\films\\a.mp4", TIME_ORIGIN=9000) + medium("C:\\films\\v.mp4", TIME_ORIGIN=-50), 0.05),
    ],
)
def test_labels_are_in_the_time_of_the_video(media: str, start: float, tmp_path: Path) -> None:
    path = eaf(tmp_path / "v.eaf", {"a": 100, "b": 900}, [("stir", "a", "b")], media)
    (segment,) = read_elan(path)
    assert (segment.start, segment.end) == pytest.approx((start, start + 0.8))


def test_a_label_before_the_video_starts_is_refused(tmp_path: Path) -> None:
    path = eaf(
        tmp_path / "v.eaf", {"a": 100, "b": 900}, [("stir", "a", "b")], medium("v.mp4", TIME_ORIGIN=-500)
    )
    with pytest.raises(StreamError, match=r"annotation a0: stir from -0\.4 to 0\.4 s; it must end after"):
        read_elan(path)


def test_what_elan_subdivides_has_even_parts(tmp_path: Path) -> None:
    slots = {"a": 0, "b": 1000, "c": None, "d": None, "e": 4000, "f": 5000}
    rows = [("cut", "a", "b"), ("peel", "b", "c"), ("cut", "c", "d"), ("mix", "d", "e"), ("serve", "e", "f")]
    assert read_elan(eaf(tmp_path / "v.eaf", slots, rows)) == [
        Segment("cut", 0.0, 1.0),
        Segment("peel", 1.0, 2.0),
        Segment("cut", 2.0, 3.0),
        Segment("mix", 3.0, 4.0),
        Segment("serve", 4.0, 5.0),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [("cut", "a", "c")],
        [("cut", "c", "b")],
        [("cut", "a", "c"), ("peel", "c", "d")],
        [("cut", "a", "c"), ("peel", "c", "d"), ("mix", "d", "c")],  # in a circle
    ],
)
def test_what_nobody_aligned_is_refused(rows: list[tuple[str, str, str]], tmp_path: Path) -> None:
    path = eaf(tmp_path / "v.eaf", {"a": 0, "b": 9, "c": None, "d": None}, rows)
    with pytest.raises(StreamError, match="annotation a0: it has no time; align it in ELAN"):
        read_elan(path)


def test_many_rows_that_lead_nowhere_take_no_time(tmp_path: Path) -> None:
    count = 10_000
    slots: dict[str, int | None] = {f"t{i}": i for i in range(count)} | {f"u{i}": None for i in range(count)}
    rows = [("cut", f"t{i}", "u0") for i in range(count)]
    rows += [("cut", f"u{i}", f"u{i + 1}") for i in range(count - 1)]
    began = time.perf_counter()
    with pytest.raises(StreamError, match="it has no time"):
        read_elan(eaf(tmp_path / "v.eaf", slots, rows))
    assert time.perf_counter() - began < 10


def test_what_is_written_is_what_elan_expects(tmp_path: Path) -> None:
    segments = [
        Segment("boil <water> & stir", 0.25, 3.0),
        Segment("wait", 3.0, 3.001),
        Segment("é", 3.5, 4),
    ]
    path = tmp_path / "new/tea time.eaf"
    path.parent.mkdir()
    write_file(path, [Annotated("tea time", in_milliseconds(segments), "tea time.mp4")])
    written = path.read_text(encoding="utf-8")
    assert "http://www.mpi.nl/tools/elan/EAFv2.8.xsd" in written
    document = Eaf(path)  # pympi demands what the schema does
    assert document.get_annotation_data_for_tier("observed") == [
        (250, 3000, "boil <water> & stir"), (3000, 3001, "wait"), (3500, 4000, "é"),
    ]  # fmt: skip
    assert document.media_descriptors == [
        {
            "MEDIA_URL": "tea time.mp4",
            "RELATIVE_MEDIA_URL": "./tea time.mp4",
            "MIME_TYPE": "video/mp4",
        }
    ]
    assert read_elan(path) == [segments[0], Segment("wait", 3.0, 3.001), segments[2]]
    write_file(path, [Annotated("tea time", tuple(segments[:1]), "tea time.mp4")])
    assert [file.name for file in path.parent.iterdir()] == ["tea time.eaf"]  # and nothing beside it
    assert read_elan(path) == segments[:1]


EMPTY = "<ANNOTATION_DOCUMENT/>"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'<!DOCTYPE x SYSTEM "file:///etc/passwd">{EMPTY}'.encode(), "has a DOCTYPE"),
        (f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{EMPTY}'.encode(), "has a DOCTYPE"),
        (f'<!DOCTYPE x [<!ENTITY % a "b">]>{EMPTY}'.encode(), "has a DOCTYPE"),
        (f"<!DOCTYPE x>{EMPTY}".encode("utf-16"), "not text in UTF-8"),
        (b"<ANNOTATION_DOCUMENT>&a;</ANNOTATION_DOCUMENT>", "not an ELAN file: undefined entity"),
        (b"<a>" * 200_000, "not an ELAN file"),
    ],
)
def test_xml_that_would_do_more_than_say_something_is_refused(
    content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / "v.eaf").write_bytes(content)
    with pytest.raises(StreamError) as error:
        read_elan(tmp_path / "v.eaf")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "v.eaf").open("wb") as file:
        file.truncate(2**27)
    with pytest.raises(StreamError, match="134217728 bytes; at most 67108864 are read"):
        read_elan(tmp_path / "v.eaf")
