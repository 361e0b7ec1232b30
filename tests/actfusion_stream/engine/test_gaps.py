"""Time of which nothing was seen: it costs nothing, the model is told so, and no result claims it."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sample_videos import packets

from actfusion_stream import Engine, Frame, Gap, Segment, Session, StreamError, Tick, open_stream, run
from actfusion_stream.events.reading import Reader
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.sinks.annotated_video import AnnotatedVideo
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.sinks.segments import SegmentFile
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import Source
from actfusion_stream.weights.checkpoint import build, load_checkpoint

PERIOD, LOOKAHEAD = 4 / 15, 3 / 15  # seconds, of the tiny extractor
CABLE = "the cable"


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu")


@pytest.fixture(scope="module")
def continual_engine(tiny_checkpoint: Path) -> Engine:
    """The same with a continual extractor."""
    checkpoint = load_checkpoint(tiny_checkpoint)
    assert checkpoint.extractor_spec is not None
    spec = replace(checkpoint.extractor_spec, windows="continual")
    extractor, model = build(replace(checkpoint, extractor_spec=spec), tiny_checkpoint, "cpu")
    return Engine(checkpoint, extractor, model, extractor.device)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many windows were computed, batch by batch."""
    computed: list[int] = []
    call = Extractor.__call__

    def counting(this: Extractor, *clips: np.ndarray) -> object:
        computed.append(len(clips[2]))
        return call(this, *clips)

    monkeypatch.setattr(Extractor, "__call__", counting)
    return computed


def picture(index: int) -> np.ndarray:
    image = np.full((48, 64, 3), 40, np.uint8)
    image[:, index % 48 : index % 48 + 16] = (255, 130, 40 * index % 256)
    return image


def watched(
    session: Session, parts: list[tuple[float, float]], rate: float = 15.0
) -> tuple[list[Tick], tuple[Segment, ...]]:
    """Push frames from one second to another, part by part, with a gap before each but the first."""
    ticks = []
    for number, (start, end) in enumerate(parts):
        for index in range(round((end - start) * rate)):
            gap = CABLE if number and index == 0 else ""
            ticks.append(session.push(picture(number * 7 + index), start + index / rate, gap=gap))
    return [tick for tick in ticks if tick is not None], session.finish()


def uncovered(segments: tuple[Segment, ...]) -> list[tuple[float, float]]:
    """What lies between segments."""
    return [(one.end, two.start) for one, two in pairwise(segments) if one.end != two.start]


# What it costs


def test_a_minute_away_costs_no_extraction(engine: Engine, windows: list[int]) -> None:
    session = engine.session()
    watched(session, [(0, 4), (64, 68)])
    features, times = session.features()
    assert sum(windows) == session.stats.features == features.shape[1]
    assert sum(windows) <= 2 * (4 / PERIOD + 1)
    assert not ((times > 4 + LOOKAHEAD) & (times < 64 - LOOKAHEAD)).any()
    np.testing.assert_allclose(times / PERIOD, np.round(times / PERIOD), atol=1e-9)


@pytest.mark.parametrize("away", [1.5, 60.0])
def test_a_continual_extractor_goes_on(continual_engine: Engine, away: float) -> None:
    session = continual_engine.session()
    ticks, segments = watched(session, [(0, 12), (12 + away, 24 + away)])
    assert uncovered(segments) == [(pytest.approx(12 - 1 / 15), pytest.approx(12 + away))]
    assert segments[-1].end == pytest.approx(24 + away)
    features, times = session.features()
    assert ((times < 12) | (times > 12 + away - PERIOD)).sum() > 0.8 * len(times)
    assert len(ticks) >= 12
    assert np.isfinite(features).all()


@pytest.mark.parametrize("seconds", [7200.0, 86_500.0])
def test_an_outage_of_hours_is_a_gap_like_any_other(engine: Engine, seconds: float) -> None:
    session = engine.session(memory=5.0)
    began = time.monotonic()
    ticks, segments = watched(session, [(0, 3), (3 + seconds, 6 + seconds)])
    assert time.monotonic() - began < 20
    assert uncovered(segments) == [(pytest.approx(3 - 1 / 15), 3 + seconds)]
    assert segments[-1].end == pytest.approx(6 + seconds)
    assert ticks[-1].current.start == pytest.approx(3 + seconds, abs=3)


def test_a_clock_that_jumps_by_months_is_told(engine: Engine) -> None:
    session = engine.session()
    session.push(picture(0), 0.0)
    with pytest.raises(StreamError, match=r"jumps from 0\.0 s to 10000000\.0 s; a gap may last 604800 s"):
        session.push(picture(1), 1e7, gap=CABLE)


# What is said of it


def test_no_segment_covers_it_and_no_tick_claims_it(engine: Engine) -> None:
    session = engine.session(tick=0.2)
    ticks, segments = watched(session, [(0, 4), (9, 13)])
    gap = Gap(pytest.approx(59 / 15), 9.0, CABLE)
    assert list(session.gaps) == [gap]
    assert uncovered(segments) == [(gap.start, 9.0)]
    assert (segments[0].start, segments[-1].end) == (0.0, pytest.approx(13.0))
    for tick in ticks:
        assert tick.past[-1].end == pytest.approx(tick.observed_until)
        if tick.seen_until < 9:
            assert (tick.gaps, uncovered(tick.past)) == ((), [])
        else:
            assert tick.gaps == (gap,)
            assert uncovered(tick.past) == [(gap.start, 9.0)]
    # As at the start, there is none until there is a feature of the time after it.
    assert min(t.seen_until for t in ticks if t.seen_until >= 9) >= 9 + LOOKAHEAD - 1 / 15
    assert max(b.seen_until - a.seen_until for a, b in pairwise(ticks)) < 5.1 + LOOKAHEAD + PERIOD + 0.2


@pytest.mark.parametrize("seed", range(6))
def test_every_moment_is_in_a_segment_or_in_a_gap(engine: Engine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.gamma(1.0, 2.0, 16).round(2) + 0.1).reshape(8, 2).tolist()
    session = engine.session(tick=0.5, memory=5.0)
    ticks, segments = watched(session, edges, rate=float(rng.choice([7.0, 15.0, 30.0])))
    gaps = list(session.gaps)
    assert len(gaps) == 7
    found = sorted([(s.start, s.end) for s in segments] + [(gap.start, gap.end) for gap in gaps])
    assert found[0][0] == edges[0][0]
    assert all(one[1] == pytest.approx(two[0], abs=1e-5) for one, two in pairwise(found))
    for tick, later in pairwise(ticks):
        assert later.past[: tick.settled] == tick.past[: tick.settled]
    assert segments[: ticks[-1].settled] == ticks[-1].past[: ticks[-1].settled] if ticks else True


def test_a_gap_behind_the_first_frame(engine: Engine) -> None:
    session = engine.session()
    session.push(picture(0), 0.0, gap="nothing was before it")
    assert not session.gaps
    session.push(picture(1), 5.0, gap=CABLE)
    assert [(s.start, s.end) for s in session.finish()] == [(5.0, pytest.approx(5 + 1 / 15))]


def test_without_a_cause_the_last_picture_was_there_to_be_seen(engine: Engine) -> None:
    session = engine.session()
    session.push(picture(0), 0.0)
    session.push(picture(1), 5.0)
    segments = session.finish()
    assert (uncovered(segments), segments[0].start, len(session.gaps)) == ([], 0.0, 0)


def test_a_cause_is_words(engine: Engine) -> None:
    with pytest.raises(StreamError, match=r"^session: gap True: give its cause in words, or nothing$"):
        engine.session().push(picture(0), 0.0, gap=True)  # type: ignore[arg-type]


def test_what_is_away_is_no_frame_rate(engine: Engine) -> None:
    """The last frame lasts as long as most, whatever gaps were before it."""
    session = engine.session()
    for index in range(4):
        session.push(picture(index), 10.0 * index, gap=CABLE if index else "")
    session.push(picture(4), 30.1)
    assert session.finish()[-1].end == pytest.approx(30.2)


# Live sources


class Camera:
    """Delivers frames of given times, of which some come after a gap."""

    def __init__(self, times: list[float], gaps: Callable[[float], str]) -> None:
        self.info = SourceInfo("camera", 64, 48, None, 15.0, live=True, has_audio=False)
        self.warning: str | None = None
        self.remark: str | None = None
        self._times, self._gaps = times, gaps

    def frames(self) -> Iterator[Frame]:
        for index, at in enumerate(self._times):
            yield Frame(at, picture(index), index, time.perf_counter(), self._gaps(at))

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_files_tell_of_a_gap_what_ticks_tell(engine: Engine, tmp_path: Path) -> None:
    away = 7200.0  # longer than any file may hold a picture
    times = [*(i / 15 for i in range(45)), *(away + i / 15 for i in range(45))]
    camera = Camera(times, lambda at: CABLE if at == away else "")
    with open_stream(Source(camera, 60.0), engine=engine, max_staleness=60.0) as stream:
        outcome = run(
            stream,
            [
                EventLog(tmp_path / "a.jsonl"),
                SegmentFile(tmp_path / "a.csv"),
                AnnotatedVideo(tmp_path / "a.mp4"),
            ],
        )
    hole = [(round(44 / 15, 3), away)]
    events = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    (gap,) = (event for event in events if event["type"] == "gap")
    assert (gap["start"], gap["end"], gap["cause"]) == (*hole[0], CABLE)
    reader = Reader()
    for event in events:
        reader.read(event)
    with (tmp_path / "a.csv").open() as file:
        rows = [
            {**row, "start": float(row["start"]), "end": float(row["end"])} for row in csv.DictReader(file)
        ]
    for segments in (events[-1]["segments"], reader.past, rows):
        assert [(a["end"], b["start"]) for a, b in pairwise(segments) if a["end"] != b["start"]] == hole
    assert [(round(a, 3), b) for a, b in uncovered(outcome.segments)] == hole
    assert (events[-1]["gaps"], outcome.summary.interrupted) == (1, False)
    assert len(packets(tmp_path / "a.mp4", "video")) == 90


def test_frames_that_were_dropped_leave_a_gap(engine: Engine, windows: list[int]) -> None:
    """Between two frames that are looked at, seconds of others went by."""
    camera = Camera([index / 15 for index in range(90)], lambda at: "")
    source = Source(camera, 0.2)
    with open_stream(source, engine=engine, max_staleness=0.2) as stream:
        steps = stream.steps()
        first = [next(steps) for _ in range(3)]
        time.sleep(0.6)  # what is waiting has become stale
        rest = list(steps)
        segments = stream.finish()
    assert [step.gap for step in first] == [None] * 3
    (gap,) = (step.gap for step in rest if step.gap)
    assert gap.cause == "frames were dropped (stale)"
    assert gap.end == rest[0].frame.time
    assert gap.end - gap.start > 2
    assert stream.stats.drops["stale"] == 90 - 3 - len(rest)
    assert stream.stats.gaps == 1
    assert uncovered(segments) in ([(gap.start, gap.end)], [])
    assert sum(windows) <= (90 - stream.stats.dropped) / 4 + 3
