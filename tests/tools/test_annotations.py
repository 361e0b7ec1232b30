"""Annotations between three forms, and files from anybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actfusion_stream.annotations.segments import Segment
from actfusion_stream.tools.annotations import main
from actfusion_stream.tools.data.annotation_files import read_annotations
from actfusion_stream.tools.data.dataset import Dataset

TABLE = """video,label,start,end
salad,cut tomato,1.0,4.5
salad,"pour oil, slowly",4.5,6.0
tea,boil <water>,0.25,3.0
tea,pause,3.5,4.0
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(TABLE)
    return path


def convert(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_csv_to_elan_and_back(table: Path, tmp_path: Path) -> None:
    assert convert(table, "--to", "elan", "--out", tmp_path / "elan") == 0
    assert convert(tmp_path / "elan", "--to", "csv", "--out", tmp_path / "back.csv") == 0
    assert read_annotations(tmp_path / "back.csv", 15) == read_annotations(table, 15)


def test_csv_to_text_and_back(table: Path, tmp_path: Path) -> None:
    assert convert(table, "--to", "mstcn", "--rate", 20, "--out", tmp_path / "data", "--test", "tea") == 0
    data = Dataset(tmp_path / "data")
    assert data.class_names == ("background", "boil_<water>", "cut_tomato", "pause", "pour_oil,_slowly")
    assert (data.split("1", "train"), data.split("1", "test")) == (["salad"], ["tea"])
    labels = [data.class_names[i] for i in data.labels("salad")]
    assert labels == ["background"] * 20 + ["cut_tomato"] * 70 + ["pour_oil,_slowly"] * 30
    assert convert(tmp_path / "data", "--to", "csv", "--rate", 20, "--out", tmp_path / "back.csv") == 0
    assert read_annotations(tmp_path / "back.csv", 20)["tea"] == [
        Segment("background", 0.0, 0.25),
        Segment("boil_<water>", 0.25, 3.0),
        Segment("background", 3.0, 3.5),
        Segment("pause", 3.5, 4.0),
    ]


def test_a_label_for_each_feature(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    videos = {
        "salad": {"file": "salad.mp4", "rate": 2.0, "start": 0.9, "count": 5},
        "more": {"file": "more.mp4", "rate": 2.0, "start": 0, "count": 5},
    }
    (tmp_path / "extractor.json").write_text(json.dumps({"videos": videos}))
    given = ["--to", "mstcn", "--features", tmp_path, "--out", tmp_path / "data", "--background", "nothing"]
    assert convert(table, *given) == 0
    labels = (tmp_path / "data/groundTruth/salad.txt").read_text().split()
    assert labels == ["nothing", *["cut_tomato"] * 4]  # at 0.9, 1.4, 1.9, 2.4 and 2.9 s
    said = capsys.readouterr().err
    assert "tea has no features and is left out" in said
    assert "more has no annotation and is left out" in said


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffVideo;Label;Start;End\r\nsalad;cut tomato;1.0;4.5\r\n\r\nsalad;stir;4.5;6\r\n",
        "end\tstart\tremark\tlabel\tvideo\n6\t4.5\tx\tstir\tsalad.mp4\n4.5\t1\t\tcut tomato\tsalad.mp4\n",
        "video,label,start,end\nsalad,cut tomato,1,4.5004\nsalad,stir,4.5,6\n",
    ],
)
def test_tables_as_people_write_them(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert read_annotations(tmp_path / "t.csv", 15) == {
        "salad": [Segment("cut tomato", 1.0, 4.5), Segment("stir", 4.5, 6.0)]
    }


EAF = """<?xml version="1.0" encoding="UTF-8"?><ANNOTATION_DOCUMENT><TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="100"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="900"/>
<TIME_SLOT TIME_SLOT_ID="c"/></TIME_ORDER>{tiers}</ANNOTATION_DOCUMENT>"""
ONE = """<TIER TIER_ID="{name}"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="x" TIME_SLOT_REF1="a"
 TIME_SLOT_REF2="{end}"><ANNOTATION_VALUE>stir</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>"""


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>'
ROW = "video,label,start,end\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "column label is missing"),
        ("a.csv", b"video,label,start\n", "column end is missing; the first line must name video, label,"),
        ("a.csv", ROW.encode(), "no row below the heading"),
        ("a.csv", f"{ROW}v,cut,2,1\n".encode(), "line 2: cut from 2 to 1 s; it must end after it starts"),
        ("a.csv", f"{ROW}v,cut,-1,1\n".encode(), "cut from -1 to 1 s"),
        ("a.csv", f"{ROW}v,cut,nan,1\n".encode(), "time 'nan'; give seconds as a number"),
        ("a.csv", f"{ROW}v,cut,1e9,2e9\n".encode(), "cut from 1e+09 to 2e+09 s"),
        ("a.csv", f"{ROW}v,cut,soon,1\n".encode(), "time 'soon'; give seconds as a number"),
        ("a.csv", f"{ROW}v,,0,1\n".encode(), "label ''; give printable text"),
        ("a.csv", f"{ROW}v,cut\x1b[2J,0,1\n".encode(), "label 'cut\\x1b[2J'; give printable text"),
        ("a.csv", f"{ROW}../../v,cut,0,1\n".encode(), "video '../../v'; give a plain file name"),
        ("a.csv", f"{ROW}v,cut,0,2\nv,stir,1,3\n".encode(), "cut (0 to 2 s) and stir (1 to 3 s) overlap"),
        ("a.csv", b"video,label,start,end\nv,\xff\xfe,0,1\n", "not text in UTF-8 (byte 24)"),
        ("a.eaf", b"\x00\x01\x02", "not an ELAN file"),
        ("a.eaf", b"<html/>", "its root is 'html'"),
        ("a.eaf", LAUGHS.encode(), "has a DOCTYPE"),
        ("a.eaf", EAF.format(tiers="").encode(), "tiers with annotations in time: none"),
        (
            "a.eaf",
            EAF.format(tiers=ONE.format(name="p", end="b") + ONE.format(name="q", end="b")).encode(),
            "--tier must name one; tiers with annotations in time: p, q",
        ),
        ("a.eaf", EAF.format(tiers=ONE.format(name="p", end="c")).encode(), "annotation x: it has no time"),
        ("a.txt", b"\n\n", "no label in it"),
        ("a.json", b"{}", "no segment in its database or results; is it ActivityNet's?"),
        ("a.xls", b"", "a.xls: ends in .xls; segments can be .csv, .tsv, .json,"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    name: str, content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert convert(tmp_path / name, "--to", "csv", "--out", tmp_path / "out.csv") == 1
    error = capsys.readouterr().err
    assert said in " ".join(error.split())
    assert "Traceback" not in error
    assert not (tmp_path / "out.csv").exists()


def test_what_does_not_fit_is_said(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--to", "mstcn", "--out", tmp_path / "data"]
    for given, said in (
        (["--test", "soup"], "--test soup: no such video; there are salad, tea"),
        (["--features", tmp_path / "none"], "no extractor.json, which actfusion-extract writes"),
        (["--background", "cut_tomato"], "'cut tomato' and 'cut_tomato' would both become cut_tomato"),
    ):
        assert convert(table, *out, *given) == 1
        assert said in " ".join(capsys.readouterr().err.split())
