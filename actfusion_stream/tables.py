"""Text in the cells of a table that a spreadsheet may open.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re

# What spreadsheets take for the beginning of a formula, whatever marks are in front of it already.
_FORMULA = re.compile("'*(\\s*[-=+@\uff0d\uff1d\uff0b\uff20]|[\t\r\n])")
_MARK = "'"


def as_cell(text: str) -> str:
    """Text as it is written: to what a spreadsheet would take for a formula, a quote is added in front.

    So it is to what looks like one after such quotes: `from_cell` gives back exactly what was given.

    Example:
        >>> as_cell("=1+2"), as_cell("cut - fast"), as_cell("'=1+2")
        ("'=1+2", 'cut - fast', "''=1+2")
    """
    return _MARK + text if _FORMULA.match(text) else text


def from_cell(text: str) -> str:
    """The text that `as_cell` was given."""
    marked = text.startswith(_MARK) and _FORMULA.match(text, len(_MARK))
    return text[len(_MARK) :] if marked else text
