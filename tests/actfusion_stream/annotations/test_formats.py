"""Formats of segments: what comes back, what other programs read, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import webvtt

from actfusion_stream.annotations.annotated import Annotated, in_milliseconds
from actfusion_stream.annotations.formats import FORMATS, ending_of, read_file, stem_of, write_file
from actfusion_stream.annotations.segments import Segment, fitting_name, video_name
from actfusion_stream.errors import StreamError

RATE = 20.0
LABELS = (
    'say "hi", wave', "boil <water> & stir", "סלט קצוץ", "قطّع الطماطم", "切番茄", "a {b} \\N c", "=1+2",
    "it's --> 5", "123", "<i>slanted</i>", "née; |x|",
)  # fmt: skip
SAID = tuple(
    Segment(label, i + 0.25, i + (1.0 if i % 2 else 1.25), round(0.5 + i / 30, 3))
    for i, label in enumerate(LABELS)
)  # every second one is followed by a gap
KITCHEN = Annotated("kitchen", SAID, "films/tea time.mp4", seconds=12.0, rate=RATE)
WITH_CONFIDENCE = {".csv", ".tsv", ".json", ".fiftyone.json", ".labelstudio.json", ".eaf"}
MANY = {".csv", ".tsv", ".json", ".fiftyone.json", ".labelstudio.json", ".via.json"}


def written(folder: Path, ending: str, *videos: Annotated) -> Path:
    path = folder / f"kitchen{ending}"
    write_file(path, list(videos or [KITCHEN]))
    return path


@pytest.mark.parametrize("ending", sorted(set(FORMATS) - {".txt"}))
def test_what_is_written_comes_back(ending: str, tmp_path: Path) -> None:
    (found,) = read_file(written(tmp_path, ending), RATE).values()
    if ending in WITH_CONFIDENCE:
        assert found == list(SAID)
    else:
        assert [(s.label, s.start, s.end) for s in found] == [(s.label, s.start, s.end) for s in SAID]
    assert [path.name for path in tmp_path.iterdir()] == [f"kitchen{ending}"]


def test_frame_labels_have_no_blanks_and_name_what_nobody_said(tmp_path: Path) -> None:
    path = written(tmp_path, ".txt")
    labels = path.read_text().splitlines()
    assert len(labels) == 12 * RATE
    assert labels[:6] == ["background"] * 5 + ['say_"hi",_wave']
    (found,) = read_file(path, RATE).values()
    said = [(s.label, s.start, s.end) for s in found if s.label != "background"]
    assert said == [("_".join(s.label.split()), s.start, s.end) for s in SAID]


@pytest.mark.parametrize("ending", sorted(MANY))
def test_several_videos_are_in_one_file(ending: str, tmp_path: Path) -> None:
    tea = Annotated("tea", (Segment("pour", 0.0, 2.0),), "tea.mkv", rate=RATE)
    other = Annotated("salad", SAID[:2], "salad.mp4", rate=RATE)
    found = read_file(written(tmp_path, ending, tea, other), RATE)
    assert {name: len(segments) for name, segments in found.items()} == {"tea": 1, "salad": 2}
    assert found["tea"] == [Segment("pour", 0.0, 2.0)]


@pytest.mark.parametrize("ending", sorted(set(FORMATS) - MANY))
def test_a_format_for_one_video_says_so(ending: str, tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"2 videos \(kitchen, kitchen\), and this format holds one"):
        written(tmp_path, ending, KITCHEN, KITCHEN)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", sorted(FORMATS))
def test_a_video_of_which_nothing_is_said_can_be_written(ending: str, tmp_path: Path) -> None:
    path = written(tmp_path, ending, Annotated("kitchen", (), "k.mp4", seconds=0.0, rate=RATE))
    assert path.exists()


def test_the_ending_decides() -> None:
    assert ending_of(Path("a.b.FiftyOne.JSON")) == ".fiftyone.json"
    assert (ending_of(Path("a.json")), stem_of(Path("out/a.b.audacity.txt"))) == (".json", "a.b")
    with pytest.raises(StreamError, match=r"^segments: has no ending; segments can be \.csv, \.tsv, "):
        ending_of(Path("segments"))


def test_times_are_milliseconds_and_what_has_no_length_goes() -> None:
    assert in_milliseconds([Segment("a", 0.0004, 1.23456, 0.98765), Segment("b", 1.2346, 1.2349)]) == (
        Segment("a", 0.0, 1.235, 0.988),
    )


@pytest.mark.parametrize("name", ["camera 0", "rtsp://host/live", 'a:b"c', "", "..", "x" * 300, "a\nb"])
def test_whatever_a_source_is_called_becomes_a_name_that_is_read_back(name: str) -> None:
    assert video_name(fitting_name(name), "x") == fitting_name(name)


# What other programs read.


@pytest.mark.parametrize(("ending", "read"), [(".vtt", webvtt.read), (".srt", webvtt.from_srt)])
def test_another_reader_of_subtitles_sees_the_same(ending: str, read, tmp_path: Path) -> None:
    captions = list(read(str(written(tmp_path, ending))))
    assert [(round(c.start_time.in_milliseconds()), c.end_time.in_milliseconds()) for c in captions] == [
        (round(1000 * s.start), round(1000 * s.end)) for s in SAID
    ]
    raw = [caption.raw_text.replace("\u2060", "") for caption in captions]
    entities = [text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for text in raw]
    assert (entities if ending == ".vtt" else raw) == list(LABELS)


def test_a_spreadsheet_sees_a_table(tmp_path: Path) -> None:
    for ending, dialect in ((".csv", "excel"), (".tsv", "excel-tab")):
        text = written(tmp_path, ending).read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(text), dialect=dialect))
        assert rows[0] == {
            "video": "kitchen", "label": LABELS[0], "start": "0.250", "end": "1.250", "confidence": "0.500"
        }  # fmt: skip
        assert rows[6]["label"] == "'=1+2"


def test_elan_finds_what_its_schema_wants(tmp_path: Path) -> None:
    foreseen = Annotated("kitchen", SAID, "films/tea time.mp4", anticipated=(Segment("rest", 5.0, 9.0, 0.4),))
    root = ElementTree.parse(written(tmp_path, ".eaf", foreseen)).getroot()
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert {"AUTHOR", "DATE", "FORMAT", "VERSION"} <= set(root.attrib)
    order = [child.tag for child in root]
    schema = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE", "CONSTRAINT"]
    assert order == sorted(order, key=schema.index)
    assert root.find("HEADER").get("TIME_UNITS", "milliseconds") == "milliseconds"
    assert root.find("HEADER/MEDIA_DESCRIPTOR").attrib == {
        "MEDIA_URL": "films/tea time.mp4", "RELATIVE_MEDIA_URL": "./films/tea time.mp4",
        "MIME_TYPE": "video/mp4",
    }  # fmt: skip
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    types = {kind.get("LINGUISTIC_TYPE_ID"): kind.attrib for kind in root.iter("LINGUISTIC_TYPE")}
    tiers = {tier.get("TIER_ID"): tier for tier in root.iter("TIER")}
    assert list(tiers) == ["observed", "anticipated", "confidence"]
    assert {tier.get("LINGUISTIC_TYPE_REF") for tier in tiers.values()} <= set(types)
    remark = types[tiers["confidence"].get("LINGUISTIC_TYPE_REF")]
    assert (remark["CONSTRAINTS"], remark["TIME_ALIGNABLE"]) == ("Symbolic_Association", "false")
    assert {kind.get("STEREOTYPE") for kind in root.iter("CONSTRAINT")} >= {"Symbolic_Association"}
    observed = list(tiers["observed"].iter("ALIGNABLE_ANNOTATION"))
    assert [
        (slots[a.get("TIME_SLOT_REF1")], slots[a.get("TIME_SLOT_REF2")], a.findtext("ANNOTATION_VALUE"))
        for a in observed
    ] == [(round(1000 * s.start), round(1000 * s.end), s.label) for s in SAID]
    assert tiers["confidence"].get("PARENT_REF") == "observed"
    remarks = list(tiers["confidence"].iter("REF_ANNOTATION"))
    assert [a.get("ANNOTATION_REF") for a in remarks] == [a.get("ANNOTATION_ID") for a in observed]
    assert remarks[1].findtext("ANNOTATION_VALUE") == "0.533"
    names = [a.get("ANNOTATION_ID") for a in root.iter() if "ANNOTATION_ID" in a.attrib]
    assert len(set(names)) == len(names) == 2 * len(SAID) + 1
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", name) for name in [*names, *slots])  # XML's IDs


def test_activitynet_has_truth_and_predictions(tmp_path: Path) -> None:
    content = json.loads(written(tmp_path, ".json").read_text())
    assert {"version", "taxonomy", "database"} <= set(content)  # what its evaluation wants of annotations
    assert {"version", "results", "external_data"} <= set(content)  # and of predictions
    entry = content["database"]["kitchen"]
    assert (entry["duration"], entry["subset"]) == (12.0, "validation")
    assert entry["annotations"][1] == {"label": LABELS[1], "segment": [1.25, 2.0]}
    assert content["results"]["kitchen"][1] == {"label": LABELS[1], "score": 0.533, "segment": [1.25, 2.0]}
    assert [node["nodeName"] for node in content["taxonomy"]] == ["Root", *sorted(LABELS)]


def test_fiftyone_has_detections_by_file_name(tmp_path: Path) -> None:
    content = json.loads(written(tmp_path, ".fiftyone.json").read_text())
    assert content["classes"] == sorted(LABELS)
    assert content["labels"]["kitchen"][1] == {
        "label": LABELS[1], "timestamps": [1.25, 2.0], "confidence": 0.533,
    }  # fmt: skip
    theirs = {"classes": ["cut", "mix"], "labels": {"v": [{"label": 1, "support": [21, 60]}], "w": None}}
    (tmp_path / "theirs.fiftyone.json").write_text(json.dumps(theirs))
    assert read_file(tmp_path / "theirs.fiftyone.json", RATE) == {"v": [Segment("mix", 1.0, 3.0)]}


def test_label_studio_has_tasks_with_predictions(tmp_path: Path) -> None:
    path = written(tmp_path, ".labelstudio.json")
    (task,) = json.loads(path.read_text())
    assert task["data"] == {"video": "films/tea time.mp4", "fps": RATE}
    (prediction,) = task["predictions"]
    assert 0 < prediction["score"] < 1
    region = prediction["result"][1]
    assert region["value"] == {"ranges": [{"start": 26, "end": 40}], "timelinelabels": [LABELS[1]]}
    assert (region["type"], region["to_name"], region["score"]) == ("timelinelabels", "video", 0.533)
    corrected = [{**region, "score": None, "value": {**region["value"], "timelinelabels": ["stir"]}}]
    exported = {**task, "annotations": [{"result": corrected}]}
    path.write_text(json.dumps([exported]))
    assert read_file(path) == {"tea time": [Segment("stir", 1.25, 2.0)]}  # what a person says counts


def test_via_has_a_file_a_view_and_options(tmp_path: Path) -> None:
    content = json.loads(written(tmp_path, ".via.json").read_text())
    assert list(content) == ["project", "config", "attribute", "file", "metadata", "view"]
    assert content["project"]["vid_list"] == list(content["view"]) == ["1"]
    assert content["view"]["1"]["fid_list"] == list(content["file"])
    assert content["file"]["1"]["src"] == "films/tea time.mp4"
    attribute = content["attribute"]["1"]
    assert (attribute["anchor_id"], sorted(attribute["options"].values())) == ("FILE1_Z2_XY0", sorted(LABELS))
    for entry, segment in zip(content["metadata"].values(), SAID, strict=True):
        assert (entry["vid"], entry["z"], entry["xy"]) == ("1", [segment.start, segment.end], [])
        assert attribute["options"][entry["av"]["1"]] == segment.label


# What is refused.

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", DEEP, "not JSON"),
        ("a.json", "7", "JSON of a int; segments are expected"),
        ("a.json", "[]", "the file is no object; an object is expected"),
        ("a.json", '{"database": {"v": {"annotations": [1]}}}', "a segment is no object"),
        (
            "a.json",
            '{"database": {"v": {"annotations": [{"segment": 3}]}}}',
            "segment '3'; give [sta",
        ),
        (
            "a.json",
            '{"results": {"v": [{"label": "x", "segment": [0, 1], "score": 7}]}}',
            "confidence 7",
        ),
        ("a.json", '{"results": {"v": [{"label": 5, "segment": [0, 1]}]}}', "label '5'; give text"),
        ("a.json", '{"results": {"v": [{"label": "x", "segment": [0, 1e999]}]}}', "time 'inf'"),
        (
            "a.json",
            '{"results": {"../v": [{"label": "x", "segment": [0, 1]}]}}',
            "video '../v'; give",
        ),
        ("a.fiftyone.json", "{}", "labels is no object"),
        ("a.fiftyone.json", '{"labels": {}}', "no detection in it"),
        (
            "a.fiftyone.json",
            '{"labels": {"v": [{"label": "x", "support": [1, 2]}]}}',
            "it counts frames",
        ),
        ("a.labelstudio.json", '[{"data": {"video": "v"}}]', "it counts frames; give --rate"),
        ("a.labelstudio.json", '[{"data": {"video": "v", "fps": 0}}]', "fps 0; give frames a second"),
        ("a.labelstudio.json", '[{"data": {"fps": 1}, "predictions": [{"result": [{}]}]}]', "no region of"),
        ("a.via.json", '{"file": {}, "view": {}, "attribute": {}, "metadata": []}', "metadata is no object"),
        (
            "a.via.json",
            '{"file": {}, "view": {}, "attribute": {}, "metadata": {"1": {"z": [0, 1], "av": {"1": "x"}}}}',
            "its view 'None' shows no file that is listed",
        ),
        ("a.srt", "hello", "no cue in it; is it a .srt file?"),
        ("a.vtt", "", "no cue in it; is it a .vtt file?"),
        ("a.audacity.txt", "0\t1\n", "line 1: label ''; give printable text"),
        ("a.audacity.txt", "0 1 x\n", "line 1"),
        ("a.audacity.txt", "1\t1\tpoint\n", "no label with a length in it"),
        ("a.txt", "x\n", "it counts frames; give --rate or --video"),
        ("a.csv", "label,start,end,confidence\nx,0,1,maybe\n", "line 2: confidence 'maybe'; give a number"),
        ("a.csv", "# odd\nlabel,start,end\nx,0,0\n", "line 3: x from 0 to 0 s"),
    ],
)
def test_what_makes_no_sense_is_one_line(name: str, content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(StreamError) as error:
        read_file(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
