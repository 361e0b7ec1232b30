"""Large letters: what they look like, and when there are none."""

from actfusion_stream.views.bigtext import big_text


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


def test_letters_without_a_glyph_are_not_set_large() -> None:
    assert big_text("käse", 80) is None
