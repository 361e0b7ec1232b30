"""How classes are called on pictures: whole, on two lines, or so short that they can still be told apart."""

import cv2
import numpy as np
import pytest

from actfusion_stream.views.typeface import REGULAR, Typeface

BOWLS = ["place_cheese_into_bowl", "place_cucumber_into_bowl", "place_tomato_into_bowl", "cut_tomato"]
HEBREW = "לחתוך עגבנייה"


def ink(typeface: Typeface, text: str) -> np.ndarray:
    canvas = np.zeros((40, 260, 3), np.uint8)
    typeface.draw(canvas, text, 5, 30, 24, REGULAR, (255, 255, 255))
    return canvas


def broken(typeface: Typeface, label: str, *letters: int) -> list[str]:
    """In lines of about so many letters of 20 pixels."""
    widths = [typeface.width("n" * count, 20, REGULAR) for count in letters]
    lines = typeface.broken(typeface.name(label), widths, 20, REGULAR)
    assert all(typeface.width(line, 20, REGULAR) <= width for line, width in zip(lines, widths, strict=False))
    return lines


def test_a_name_takes_no_more_lines_than_it_needs() -> None:
    typeface = Typeface(BOWLS)
    assert broken(typeface, BOWLS[0], 30, 30) == ["place cheese into bowl"]
    assert broken(typeface, BOWLS[0], 15, 30) == ["place cheese into", "bowl"]
    assert broken(typeface, BOWLS[1], 15, 30) == ["place cucumber", "into bowl"]


@pytest.mark.parametrize("letters", [(16,), (12,), (9, 5), (9, 9)])
def test_what_many_names_share_is_left_out_first(letters: tuple[int, ...]) -> None:
    typeface = Typeface(BOWLS)
    shown = [broken(typeface, label, *letters) for label in BOWLS]
    assert len({tuple(lines) for lines in shown}) == len(BOWLS)
    for lines, what in zip(shown, ("cheese", "cucumber", "tomato", "tomato"), strict=True):
        assert what in " ".join(lines)


def test_left_out_words_leave_one_mark() -> None:
    assert broken(Typeface(BOWLS), BOWLS[1], 12) == ["… cucumber …"]
    assert broken(Typeface(BOWLS), BOWLS[1], 16) == ["place cucumber …"]


def test_a_word_that_is_too_long_is_cut() -> None:
    label = "donaudampfschifffahrtsgesellschaft"
    assert broken(Typeface([label]), label, 12, 12) == ["donaudampfs…"]
    assert broken(Typeface([label]), label, 0) == [""]


def test_hebrew_stands_from_right_to_left() -> None:
    """The letters one by one, as a reader meets them, are those of the drawn line from its right end."""
    typeface = Typeface([HEBREW])
    assert (typeface.note, typeface.name(HEBREW)) == ("", HEBREW)
    np.testing.assert_array_equal(ink(typeface, HEBREW), plain(HEBREW[::-1]))
    np.testing.assert_array_equal(ink(typeface, "cut 2 tomatoes"), plain("cut 2 tomatoes"))
    np.testing.assert_array_equal(ink(typeface, HEBREW + " 12"), plain("12 " + HEBREW[::-1]))


def plain(text: str) -> np.ndarray:
    """Letters in the order in which they are given."""
    canvas = np.zeros((40, 260, 3), np.uint8)
    cv2.putText(canvas, text, (5, 30), (255, 255, 255), cv2.FontFace("sans"), 24, REGULAR)
    return canvas


@pytest.mark.parametrize(
    "name", ["Käse schneiden", "切番茄", "チーズを切る", "치즈 자르기", "нарезать сыр", "κόψε τυρί", HEBREW]
)
def test_names_of_many_scripts_are_written(name: str) -> None:
    typeface = Typeface([name])
    assert (typeface.note, typeface.name(name)) == ("", name)


@pytest.mark.parametrize("name", ["قطع_الطماطم", "टमाटर काटना", "หั่นมะเขือเทศ", "cut 🍅"])
def test_names_of_other_scripts_become_the_number_of_their_class_and_a_note(name: str) -> None:
    typeface = Typeface(["background", "cut?", name])
    assert [typeface.name(label) for label in ("background", "cut?", name)] == [
        "background",
        "cut?",
        "class 2",
    ]
    assert typeface.note == f"letters that cannot be drawn on pictures here; {name!r} as 'class 2'"


def test_a_note_names_three() -> None:
    names = [f"{letter} काटना" for letter in "abcde"]
    assert Typeface(names).note.endswith("'c काटना' as 'class 2', and 2 more")


def test_accents_that_stand_alone_are_joined_to_their_letters() -> None:
    assert Typeface(["Ka\u0308se"]).name("Ka\u0308se") == "Käse"
