"""Large letters for terminals: each character cell holds two by two dots, a letter six by six of them."""

from __future__ import annotations

# Five by five dots a letter, one string a row of dots, top to bottom. A sixth row above and a sixth column on
# the right keep letters apart.
_GLYPHS = {
    "A": ".###. #...# ##### #...# #...#",
    "B": "####. #...# ####. #...# ####.",
    "C": ".#### #.... #.... #.... .####",
    "D": "####. #...# #...# #...# ####.",
    "E": "##### #.... ####. #.... #####",
    "F": "##### #.... ####. #.... #....",
    "G": ".#### #.... #..## #...# .####",
    "H": "#...# #...# ##### #...# #...#",
    "I": "##### ..#.. ..#.. ..#.. #####",
    "J": "..### ...#. ...#. #..#. .##..",
    "K": "#..## #.##. ###.. #.##. #..##",
    "L": "#.... #.... #.... #.... #####",
    "M": "##.## ##### #.#.# #...# #...#",
    "N": "#...# ##..# #.#.# #..## #...#",
    "O": ".###. #...# #...# #...# .###.",
    "P": "####. #...# ####. #.... #....",
    "Q": ".###. #...# #.#.# #..#. .##.#",
    "R": "####. #...# ####. #..#. #...#",
    "S": ".#### #.... .###. ....# ####.",
    "T": "##### ..#.. ..#.. ..#.. ..#..",
    "U": "#...# #...# #...# #...# .###.",
    "V": "#...# #...# #...# .#.#. ..#..",
    "W": "#...# #...# #.#.# ##### .#.#.",
    "X": "#...# .#.#. ..#.. .#.#. #...#",
    "Y": "#...# .#.#. ..#.. ..#.. ..#..",
    "Z": "##### ...#. ..#.. .#... #####",
    "0": ".###. #..## #.#.# ##..# .###.",
    "1": ".##.. ..#.. ..#.. ..#.. .###.",
    "2": "####. ....# .###. #.... #####",
    "3": "####. ....# .###. ....# ####.",
    "4": "#..#. #..#. ##### ...#. ...#.",
    "5": "##### #.... ####. ....# ####.",
    "6": ".###. #.... ####. #...# .###.",
    "7": "##### ....# ...#. ..#.. ..#..",
    "8": ".###. #...# .###. #...# .###.",
    "9": ".###. #...# .#### ....# .###.",
    "-": "..... ..... .###. ..... .....",
    "&": ".##.. #..#. .##.# #..#. .##.#",
    " ": "..... ..... ..... ..... .....",
}
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"  # by 1·upper left + 2·upper right + 4·lower left + 8·lower right
HEIGHT = 3
"""Terminal rows of a line of large letters."""


def big_text(text: str, width: int) -> list[str] | None:
    """Set one line of text in large capitals.

    Args:
        text: what to write; a letter takes three columns, a space two.
        width: columns there are.

    Returns:
        HEIGHT strings of equal length, or None if the text does not fit or has a character without a glyph.
    """
    dots = [""] * (2 * HEIGHT)
    for capital in text.upper():  # which may be longer than the text: "ß" becomes "SS"
        glyph = _GLYPHS.get(capital)
        if glyph is None:
            return None
        for y, row in enumerate((".....", *glyph.split())):
            dots[y] += row[:4] if capital == " " else row + "."
    if len(dots[0]) // 2 > width:
        return None
    return [_join(upper, lower) for upper, lower in zip(dots[::2], dots[1::2], strict=True)]


def _join(upper: str, lower: str) -> str:
    """Two rows of dots as one row of quadrant characters."""
    return "".join(
        _QUADRANTS[sum((dot == "#") << i for i, dot in enumerate(upper[x : x + 2] + lower[x : x + 2]))]
        for x in range(0, len(upper), 2)
    )
