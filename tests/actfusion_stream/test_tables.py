"""A label stays what it is on its way through a spreadsheet, and never becomes a formula."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actfusion_stream.annotations.annotated import Annotated
from actfusion_stream.annotations.formats import write_file
from actfusion_stream.annotations.segments import Segment
from actfusion_stream.tables import as_cell, from_cell
from actfusion_stream.tools.data.annotation_files import read_annotations

FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "  =1", "'=1", "''-x"]


@given(st.text())
def test_text_comes_back_as_it_was(text: str) -> None:
    assert from_cell(as_cell(text)) == text
    assert not as_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("text", ["cut_tomato", "cut - fast", "it's", "a=b"])
def test_plain_labels_are_left_alone(text: str) -> None:
    assert as_cell(text) == text


@pytest.mark.parametrize("label", FORMULAS)
def test_our_own_converter_reads_them_back(tmp_path: Path, label: str) -> None:
    segments = (Segment(label, 0.0, 2.0, 0.9), Segment("mix", 2.0, 3.0, 0.8))
    write_file(tmp_path / "kitchen.csv", [Annotated("kitchen", segments)])
    with (tmp_path / "kitchen.csv").open(newline="") as file:
        (row, _) = csv.DictReader(file)
    assert row["label"].startswith("'")
    (read,) = read_annotations(tmp_path / "kitchen.csv", 15.0).values()
    assert [segment.label.strip() for segment in read] == [label.strip(), "mix"]
