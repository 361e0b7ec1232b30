"""Lines that never take more columns than there are, whatever they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from actfusion_stream.views.lines import colored, fit, pack, rgb, spread

WIDTHS = st.integers(-2, 60)


def test_a_line_is_shortened_at_its_end() -> None:
    assert fit(Text("cut tomato"), 10).plain == "cut tomato"
    assert fit(Text("cut tomato"), 6).plain == "cut t…"


@pytest.mark.parametrize(
    ("width", "line"), [(14, "cut       0:41"), (9, "cut  0:41"), (8, "c…  0:41"), (3, "0:…")]
)
def test_two_ends_of_a_line(width: int, line: str) -> None:
    assert spread(Text("cut"), Text("0:41"), width).plain == line


def test_entries_fill_lines() -> None:
    entries = [Text(word) for word in ("cut", "peel", "place into bowl", "mix")]
    assert [line.plain for line in pack(entries, 12)] == ["cut  peel", "place into …", "mix"]


@given(st.text(), st.text(), WIDTHS)
def test_no_text_overruns_its_line(left: str, right: str, width: int) -> None:
    lines = [fit(Text(left), width), spread(Text(left), Text(right), width)]
    lines += pack([Text(left), Text(right)], width)
    assert max(line.cell_len for line in lines) <= max(width, 0)


def test_colours_as_rich_writes_them() -> None:
    assert rgb((255, 0, 16)) == "#ff0010"
    assert colored((255, 0, 16)).color is not None
