"""Weights that are finite and overflow are noticed at the first tick, and named; no result holds a NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from actfusion_stream import Engine, StreamError, cli, open_stream, run
from actfusion_stream.extractors.spec import fingerprint
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.sinks.segments import SegmentFile
from actfusion_stream.weights.checkpoint import load_checkpoint

FEATURES = (
    "the features at 0.0 s are not finite; the weights of the extractor overflow: give another checkpoint"
)
SAID = "the probabilities at 0.0 s are not finite; the weights of the model overflow: give another checkpoint"


def blown_up(network: nn.Module) -> None:
    for weight in network.parameters():
        weight.data.fill_(1e30)


def broken_model(checkpoint: Path) -> Engine:
    engine = Engine.load(checkpoint, device="cpu")
    blown_up(engine.model)
    return engine


def broken_extractor(checkpoint: Path) -> Engine:
    engine = Engine.load(checkpoint, device="cpu")
    for network in engine.extractor._networks:
        blown_up(network)
    return engine


BROKEN = [(broken_model, SAID), (broken_extractor, FEATURES)]


@pytest.mark.parametrize(("broken", "said"), BROKEN)
def test_it_is_named_at_the_first_tick(
    broken: Callable[[Path], Engine], said: str, tiny_checkpoint: Path, tiny_video: Path, tmp_path: Path
) -> None:
    with (
        open_stream(tiny_video, engine=broken(tiny_checkpoint), tick=1.0) as stream,
        pytest.raises(StreamError) as error,
    ):
        run(stream, [EventLog(tmp_path / "a.jsonl"), SegmentFile(tmp_path / "a.csv")])
    assert str(error.value) == f"tiny.mp4: {said}"
    assert stream.stats.seen_until == 1.0
    _, line = (tmp_path / "a.jsonl").read_text().splitlines()
    summary = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (summary["type"], summary["warning"], summary["segments"]) == ("summary", str(error.value), [])
    assert (tmp_path / "a.csv").read_text() == "video,label,start,end,confidence\n"


@pytest.mark.parametrize(("broken", "said"), BROKEN)
def test_a_video_without_a_tick_is_told_at_its_end(
    broken: Callable[[Path], Engine], said: str, tiny_checkpoint: Path, tiny_video: Path
) -> None:
    with open_stream(tiny_video, engine=broken(tiny_checkpoint), tick=60.0) as stream:
        assert list(stream) == []
        with pytest.raises(StreamError) as error:
            stream.finish()
        assert str(error.value) == f"tiny.mp4: {said}"
        assert stream.finish() == ()


def test_what_had_been_said_before_is_kept(tiny_checkpoint: Path) -> None:
    engine = Engine.load(tiny_checkpoint, device="cpu")
    session, picture = engine.session(), np.zeros((48, 64, 3), np.uint8)
    ticks = [session.push(picture + index, index / 15) for index in range(32)]
    last = [tick for tick in ticks if tick is not None][-1]
    blown_up(engine.model)
    with pytest.raises(StreamError, match=r"^session: the probabilities at 0\.0 s are not finite"):
        [session.push(picture, index / 15) for index in range(32, 64)]
    segments = session.finish()
    assert segments[: len(last.past) - 1] == last.past[:-1]
    assert all(math.isfinite(segment.confidence) for segment in segments)


@pytest.mark.parametrize("how", ["model", "extractor"])
def test_the_command_says_so_and_fails(
    how: str,
    tiny_checkpoint: Path,
    tiny_video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checkpoint, path = load_checkpoint(tiny_checkpoint), tmp_path / "broken.safetensors"
    weights = checkpoint.model_state if how == "model" else checkpoint.extractor_state
    for name, weight in weights.items():
        if how == "model" or name.endswith("running_var"):
            weight.fill_(1e30 if how == "model" else -1.0)
    assert checkpoint.extractor_spec is not None
    spec = replace(checkpoint.extractor_spec, fingerprint=fingerprint(checkpoint.extractor_state))
    replace(checkpoint, extractor_spec=spec).save(path)
    arguments = ["--video", tiny_video, "--checkpoint", path, "--events", "-", "--display", "none"]
    assert cli.main([str(argument) for argument in arguments]) == 1
    shown = capsys.readouterr()
    assert shown.err == f"actfusion-stream: tiny.mp4: {SAID if how == 'model' else FEATURES}\n"
    assert "NaN" not in shown.out
    assert [json.loads(line)["type"] for line in shown.out.splitlines()] == ["header", "summary"]
