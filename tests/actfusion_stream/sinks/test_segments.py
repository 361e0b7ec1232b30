"""The files of segments: what a stream leaves in each format, and when a write fails."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from actfusion_stream.annotations.formats import FORMATS, read_file
from actfusion_stream.engine.engine import Engine
from actfusion_stream.engine.stream import open_stream
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.runner import run
from actfusion_stream.sinks.foresight import LEAD, Foresight
from actfusion_stream.sinks.segments import SegmentFile


@pytest.fixture
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint)


def test_one_stream_leaves_its_segments_in_all_formats(
    engine: Engine, tiny_video: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / f"tiny{ending}" for ending in FORMATS]
    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        outcome = run(stream, [SegmentFile(path, tiny_video) for path in paths])
        rate = stream.info.rate
    said = [(s.label, round(s.start, 3), round(s.end, 3)) for s in outcome.segments]
    assert len(said) > 1
    for path in paths:
        found = read_file(path, rate)
        assert list(found) == ["tiny"], path
        by_frames = path.name in ("tiny.txt", "tiny.labelstudio.json")
        near = pytest.approx if by_frames else lambda value, abs: value
        got = [(s.label, near(s.start, abs=1 / rate), near(s.end, abs=1 / rate)) for s in found["tiny"]]
        assert got == said, path
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)


def test_a_text_file_has_a_label_for_each_frame(engine: Engine, tiny_video: Path, tmp_path: Path) -> None:
    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        outcome = run(stream, [SegmentFile(tmp_path / "a.txt", tiny_video)])
    labels = (tmp_path / "a.txt").read_text().splitlines()
    assert len(labels) == outcome.summary.frames
    assert labels[-1] == outcome.segments[-1].label


def test_elan_is_led_to_the_video_and_shows_what_was_anticipated(
    engine: Engine, tiny_video: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    with open_stream(tiny_video, engine=engine, tick=0.5, horizon="8s") as stream:
        run(stream, [SegmentFile(tmp_path / "out" / "a.eaf", tiny_video)])
    root = ElementTree.parse(tmp_path / "out" / "a.eaf").getroot()
    medium = root.find("HEADER/MEDIA_DESCRIPTOR").attrib
    assert medium["MIME_TYPE"] == "video/mp4"
    assert (tmp_path / "out" / medium["RELATIVE_MEDIA_URL"]).resolve() == tiny_video.resolve()
    tiers = {tier.get("TIER_ID"): tier for tier in root.findall("TIER")}
    assert list(tiers) == ["observed", "anticipated", "confidence"]
    times = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    foreseen = [
        (times[a.get("TIME_SLOT_REF1")], times[a.get("TIME_SLOT_REF2")])
        for a in tiers["anticipated"].iter("ALIGNABLE_ANNOTATION")
    ]
    assert foreseen[0][0] >= 1000 * LEAD
    *_, last = tiers["observed"].iter("ALIGNABLE_ANNOTATION")
    assert foreseen[-1][1] == times[last.get("TIME_SLOT_REF2")]


def tick(seen: float, *future: tuple[str, float, float, float]) -> Tick:
    past = (Segment("now", 0.0, seen, 1.0),)
    return Tick(seen, seen, past, tuple(Segment(*segment) for segment in future))


def test_the_word_five_seconds_ahead_is_the_one_that_stays() -> None:
    foresight = Foresight()
    foresight.tick(tick(1.0, ("cut", 1.0, 8.0, 0.8), ("mix", 8.0, 20.0, 0.5)))
    assert foresight.segments == [Segment("cut", 6.0, 8.0, 0.8), Segment("mix", 8.0, 20.0, 0.5)]
    foresight.tick(tick(2.0, ("cut", 2.0, 9.0, 0.4)))
    assert foresight.segments == [Segment("cut", 6.0, 9.0, pytest.approx(0.8 / 3 + 0.4 * 2 / 3))]
    foresight.tick(tick(9.0, ("peel", 9.0, 30.0, 0.9)))  # nothing came for seven seconds
    assert foresight.segments[1:] == [Segment("peel", 14.0, 30.0, 0.9)]


def test_labels_that_would_become_one_are_told_before_any_work(
    engine: Engine, tiny_video: Path, tmp_path: Path
) -> None:
    names = list(engine.class_names)
    names[:2] = ["cut tomato", "cut_tomato"]
    with open_stream(tiny_video, engine=engine) as stream:
        stream.about = type(stream.about)(**{**vars(stream.about), "class_names": tuple(names)})
        with pytest.raises(StreamError, match="'cut tomato' and 'cut_tomato' would both become cut_tomato"):
            run(stream, [SegmentFile(tmp_path / "a.txt")])
        assert stream.stats.frames == 0


@pytest.mark.parametrize("ending", FORMATS)
def test_a_write_that_fails_leaves_the_old_file(
    ending: str, engine: Engine, tiny_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / f"a{ending}"
    target.write_text("yesterday's")
    with open_stream(tiny_video, engine=engine, tick=3.0) as stream:
        sink = SegmentFile(target, tiny_video)
        monkeypatch.setattr(Path, "write_text", _disk_full)
        outcome = run(stream, [sink])
    assert outcome.failures == (f"{target}: cannot be written (No space left on device)",)
    assert target.read_text() == "yesterday's"
    assert list(tmp_path.iterdir()) == [target]


def _disk_full(self: Path, *_: object, **__: object) -> None:
    self.touch()
    raise OSError(28, "No space left on device")


def test_the_table_names_the_video_and_what_it_is_sure_of(
    engine: Engine, tiny_video: Path, tmp_path: Path
) -> None:
    with open_stream(tiny_video, engine=engine, tick=3.0) as stream:
        outcome = run(stream, [SegmentFile(tmp_path / "a.csv"), SegmentFile(tmp_path / "a.json")])
    with (tmp_path / "a.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    said = outcome.segments[0]
    assert first == {
        "video": "tiny.mp4", "label": said.label, "start": "0.000", "end": f"{said.end:.3f}",
        "confidence": f"{said.confidence:.3f}",
    }  # fmt: skip
    entry = json.loads((tmp_path / "a.json").read_text())["database"]["tiny.mp4"]
    assert entry["duration"] == pytest.approx(6.0, abs=0.1)
