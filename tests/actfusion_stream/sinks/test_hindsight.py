"""The second pass draws what turned out to be done, and what was said at the time of what comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from laid_over import laid_over
from sample_videos import make_video, packets, ramp
from sinks_of_tests import beginning, end

from actfusion_stream.engine.timeline import Futures, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.hindsight import HindsightVideo
from actfusion_stream.sinks.said import Said
from actfusion_stream.sources.source import open_source
from actfusion_stream.views.moment import in_hindsight, moment_of
from actfusion_stream.views.overlay import Overlay
from actfusion_stream.views.palette import class_colors
from actfusion_stream.views.wording import timeline_window

NAMES = ("cut", "mix")
FINAL = (Segment("mix", 0.0, 2.05, 0.97), Segment("cut", 2.05, 4.0, 0.95))
# What was said meanwhile: wrong of what was done, but one knew that `cut` was to come.
PROBABILITIES = np.tile(np.array([[0.9, 0.1]], np.float32), (600, 1))
SAID = [
    Tick(
        time,
        time - 0.2,
        (Segment("cut", 0.0, time - 0.2, 0.4),),
        (Segment("cut", time - 0.2, time + 1, 0.4), Segment("mix", time + 1, 99.0, 0.4)),
        {"total": 5.0},
        futures=Futures(((Segment("cut", 0.0, 9.0, 0.5),),), 0, PROBABILITIES),
    )
    for time in (0.5, 1.0, 2.0, 3.0)
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in.mp4", size=(320, 240), times=ramp(40), sound="aac")  # 4 s


def watch(
    source: Path,
    target: Path,
    *,
    until: float = 99.0,
    stop_in_second_pass: float = 99.0,
    before_second_pass: Callable[[HindsightVideo], None] = lambda video: None,
    final: tuple[Segment, ...] = FINAL,
) -> HindsightVideo:
    """Hand on what was said of the frames up to `until`, as a run does; stop when so much is drawn."""
    shares: list[float] = []

    @contextmanager
    def progress() -> Iterator[Callable[[float], None]]:
        yield shares.append

    video = HindsightVideo(target, source, progress)
    with open_source(source) as frames:
        info = replace(
            beginning(frames.info, NAMES),
            again=partial(open_source, source),
            stopped=lambda: bool(shares) and shares[-1] * min(until, 3.9) >= stop_in_second_pass,
        )
        video.start(info)
        said, waiting = None, list(SAID)
        for frame in frames:
            if waiting and waiting[0].seen_until <= frame.time:
                said = waiting.pop(0)
                video.tick(said)
            video.frame(frame, said)
            if frame.time >= until:
                break
    video.end(interrupted=until < 4)
    video.finish(final, end(interrupted=until < 4))
    before_second_pass(video)
    video.close()
    assert shares == sorted(shares)
    return video


def differing(shown: np.ndarray, expected: np.ndarray) -> float:
    return float(np.mean(np.abs(shown.astype(int) - expected) > 40))


def said_at(time: float) -> Tick | None:
    return next((tick for tick in reversed(SAID) if tick.seen_until <= time + 1e-6), None)


def test_each_frame_has_its_final_segment_and_the_future_as_it_was_said(source: Path, tmp_path: Path) -> None:
    assert watch(source, tmp_path / "out.mp4").warning is None
    hindsight, online = Overlay(NAMES, 4.0, FINAL), Overlay(NAMES, 4.0)
    with open_source(source) as before, open_source(tmp_path / "out.mp4") as after:
        pairs = list(zip(before, after, strict=True))
        assert len(pairs) == 40
        for plain, drawn in pairs[::3]:
            assert drawn.time == pytest.approx(plain.time, abs=1e-3)
            said = said_at(plain.time)
            right, wrong = (
                laid_over(overlay, plain.image, plain.time, said) for overlay in (hindsight, online)
            )
            assert 4 * differing(drawn.image, right) < differing(drawn.image, wrong), plain.time


def test_strip_and_text_show_the_final_segment_of_every_time() -> None:
    """The strip is read off left of the marker of now, in the colours of the classes."""
    overlay, colors = Overlay(NAMES, 4.0, FINAL), class_colors(NAMES)
    picture = np.full((360, 640, 3), 90, np.uint8)
    for time in (0.3, 1.0, 1.9, 2.4, 3.0, 3.9):
        label = next(segment.label for segment in FINAL if segment.end > time)
        for said in (said_at(time), None):
            drawn = laid_over(overlay, picture, time, said)
            left_of_now = drawn[:, 640 * 2 // 3 - 12].astype(int)  # of a strip that is 41 pixels a second
            rows = (np.abs(left_of_now - colors[label]).sum(1) < 6).sum()
            wrong = (np.abs(left_of_now - colors["cut" if label == "mix" else "mix"]).sum(1) < 6).sum()
            assert rows >= 10 > wrong == 0, (time, said)
            moment = in_hindsight(FINAL, said, time)
            assert (moment.now.label, moment.now.confidence > 0.9) == (label, True)


def test_what_was_to_come_and_had_begun_is_not_to_come() -> None:
    """At 2.5 s `mix` was said to follow at 3 s: what was done then, in hindsight, was `cut`, as was said."""
    said = SAID[2]
    assert [segment.label for segment in in_hindsight(FINAL, said, 2.5).coming] == ["mix"]
    mixing = (Segment("mix", 0.0, 4.0, 0.9),)
    assert [segment.label for segment in moment_of(said, 2.5).coming] == ["mix"]
    assert in_hindsight(mixing, said, 2.5).coming == ()


def test_sound_is_kept_to_its_end_and_the_index_is_in_front(source: Path, tmp_path: Path) -> None:
    watch(source, tmp_path / "out.mp4")
    last = packets(tmp_path / "out.mp4", "audio")[-1]
    original = packets(source, "audio")[-1]
    assert float(last.pts * last.time_base) == pytest.approx(
        float(original.pts * original.time_base), abs=0.03
    )
    content = (tmp_path / "out.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_stopped_in_the_first_pass_what_was_seen_is_drawn(source: Path, tmp_path: Path) -> None:
    seen = (replace(FINAL[0], end=1.6),)
    assert watch(source, tmp_path / "out.mp4", until=1.5, final=seen).warning is None
    assert len(packets(tmp_path / "out.mp4", "video")) == 16
    last = packets(tmp_path / "out.mp4", "audio")[-1]
    assert float(last.pts * last.time_base) == pytest.approx(1.6, abs=0.06)


def test_stopped_in_the_second_pass_it_plays_up_to_there(source: Path, tmp_path: Path) -> None:
    video = watch(source, tmp_path / "out.mp4", stop_in_second_pass=1.0)
    assert video.warning == f"{tmp_path / 'out.mp4'}: ends at 1.0 s; 3.9 s were watched"
    assert len(packets(tmp_path / "out.mp4", "video")) == 11
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_ctrl_c_that_is_abrupt_in_the_second_pass_leaves_a_whole_video(source: Path, tmp_path: Path) -> None:
    @contextmanager
    def progress() -> Iterator[Callable[[float], None]]:
        def tell(share: float) -> None:
            if share > 0.5:
                raise KeyboardInterrupt

        yield tell

    video = HindsightVideo(tmp_path / "out.mp4", source, progress)
    with open_source(source) as frames:
        video.start(replace(beginning(frames.info, NAMES), again=partial(open_source, source)))
        for frame in frames:
            video.frame(frame, None)
    video.end(interrupted=False)
    video.finish(FINAL, end())
    with pytest.raises(KeyboardInterrupt):
        video.close()
    assert len(packets(tmp_path / "out.mp4", "video")) == 21
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_in_a_hurry_some_is_drawn(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actfusion_stream.sinks.hindsight._HURRY", 0.0)
    watch(source, tmp_path / "out.mp4", before_second_pass=HindsightVideo.hurry)
    assert len(packets(tmp_path / "out.mp4", "video")) == 1


def test_a_source_that_has_gone_is_named_and_nothing_is_left(source: Path, tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"in\.mp4: no such file"):
        watch(source, tmp_path / "out.mp4", before_second_pass=lambda video: source.unlink())
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_cannot_be_read_twice_is_refused_at_the_start(source: Path, tmp_path: Path) -> None:
    with open_source(source) as frames, pytest.raises(StreamError, match=r"which in\.mp4 is not; take them"):
        HindsightVideo(tmp_path / "out.mp4", source).start(beginning(frames.info, NAMES))


def test_what_is_kept_of_ticks_draws_the_same_and_is_small() -> None:
    """Whole, the ticks of two hours would fill the memory."""
    said = Said(timeline_window(4.0).future)
    for tick in SAID:
        said.add(tick)
    assert said.at(SAID[0].seen_until - 0.01) is None
    ticks = [said.at(time) for time in (0.99, 1.99, 2.99, 3.9)]
    overlay, picture = Overlay(NAMES, 4.0, FINAL), np.full((64, 96, 3), 90, np.uint8)
    for kept, tick, time in zip(ticks, SAID, (0.99, 1.99, 2.99, 3.9), strict=True):
        fresh = Overlay(NAMES, 4.0, FINAL)
        assert np.array_equal(laid_over(overlay, picture, time, kept), laid_over(fresh, picture, time, tick))
    assert [len(kept.futures.probabilities) for kept in ticks if kept and kept.futures] == [7, 8, 8, 600]
