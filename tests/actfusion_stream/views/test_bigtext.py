"""Large letters: what they look like, and when there are none."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actfusion_stream.views.bigtext import HEIGHT, big_text

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-& "
ANY_TEXT = st.text(st.characters(), max_size=30)
FITTING_TEXT = st.text(LETTERS + LETTERS.lower() + "ßŉﬁﬄǅ", max_size=30)


def test_letters_as_they_look() -> None:
    assert big_text("cut", 80) == [
        "▗▄▖▖ ▖▄▄▖",
        "▌  ▌ ▌ ▌ ",
        "▚▄▖▚▄▘ ▌ ",
    ]


def test_a_space_is_narrower_than_a_letter() -> None:
    lines = big_text("a b", 80)
    assert lines is not None
    assert [len(line) for line in lines] == [8, 8, 8]


def test_the_longest_label_of_50_salads_fits_eighty_columns() -> None:
    assert big_text("place cucumber into bowl", 78) is not None


def test_what_does_not_fit_is_not_set_large() -> None:
    assert big_text("cut tomato", 28) is None


@pytest.mark.parametrize(
    ("text", "capitals"),
    [
        ("gießen", "GIESSEN"),
        ("ﬁsh", "FISH"),
        ("soﬄe", "SOFFLE"),
        ("ﬆir", "STIR"),
        ("\N{LATIN SMALL LETTER LONG S}alt", "SALT"),
    ],
)
def test_letters_whose_capitals_are_several(text: str, capitals: str) -> None:
    assert big_text(text, 80) == big_text(capitals, 80) is not None
    assert big_text(text, 3 * len(capitals) - 1) is None, "it is the capitals that need the room"


@pytest.mark.parametrize(
    "text",
    [
        "käse",
        "ka\N{COMBINING DIAERESIS}se",
        "ŉ",  # its capital is two: an apostrophe, which has no glyph, and an N
        "ΐ",  # three
        "ǅ",  # titlecase
        "切番茄",
        "\N{FULLWIDTH LATIN SMALL LETTER C}ut",
        "קצוץ",
        "قطع",
        "cut 🍅",
        "🧑\N{ZERO WIDTH JOINER}🍳",
        "cut\ttomato",
        "cut\N{NO-BREAK SPACE}tomato",
        "\ud800",
    ],
)
def test_letters_without_a_glyph_are_not_set_large(text: str) -> None:
    assert big_text(text, 80) is None


@given(ANY_TEXT | FITTING_TEXT, st.integers(-2, 100))
@example("", 0)
@example("ß", 6)
@example("ß", 5)
def test_any_text_is_set_within_the_width_or_not_at_all(text: str, width: int) -> None:
    lines = big_text(text, width)
    if lines is not None:
        assert len(lines) == HEIGHT
        assert len({len(line) for line in lines}) == 1
        assert len(lines[0]) <= width


def test_every_character_there_is() -> None:
    large = {character for character in map(chr, range(0x110000)) if big_text(character, 80)}
    assert large == {*LETTERS, *LETTERS.lower(), *"ßıſﬀﬁﬂﬃﬄﬅﬆ"}
