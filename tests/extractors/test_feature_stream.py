"""For every extractor, features frame by frame are those of the whole video at once."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.extractors import feature_stream
from actfusion_stream.extractors.catalogue import NAMES, join_weights, named_spec, weight_names
from actfusion_stream.extractors.extractor import Extractor, networks
from actfusion_stream.extractors.feature_stream import FeatureStream, joined
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.sources.source import open_source

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[2] / "../shared"))

SMALL = ExtractorSpec("small", 0.1, window=8, rate=15.0, stride=3, short_side=32, crop=(32, 40))
KINDS: dict[str, dict[str, object]] = {
    "rgb": {},
    "rgb, zeros beyond the ends": {"padding": "zero"},
    "flow": {"streams": ("flow",), "flow": "dis"},
    "both": {"streams": ("rgb", "flow"), "flow": "dis"},
    "raft": {"streams": ("rgb", "flow"), "flow": "raft-small", "stride": 5, "rate": 3.0},
    "continual": {"windows": "continual"},
    "continual, both": {"windows": "continual", "streams": ("rgb", "flow"), "flow": "dis"},
    "hub": {"name": "hub:x3d_xs", "window": 4, "frame_stride": 2, "stride": 10, "crop": (182, 182)},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """Four seconds of real footage at 15 frames a second, small; some frames are shown again."""
    path = SHARED / "clips/coffee.mp4"
    if not path.exists():
        pytest.skip(f"{path} is missing; set ACTFUSION_SHARED to the folder that holds clips/")
    grid, found = TimeGrid(15.0), []
    with open_source(path) as source:
        for frame in source:
            small = cv2.resize(frame.image, (160, 96), interpolation=cv2.INTER_AREA)
            found += list(grid.push(frame.time, small))
            if len(found) >= 60:
                break
    return [*found[:30], found[29], found[29], *found[30:60]]


def build(kind: str, **settings: object) -> Extractor:
    spec = ExtractorSpec.from_json({**SMALL.to_json(), **KINDS[kind], **settings})
    torch.manual_seed(0)
    state = {}
    for prefix, network in networks(spec, {}).items():
        for module in network.modules():  # let them see something, or random features fade to zero
            if isinstance(module, torch.nn.BatchNorm3d):
                module.running_var.fill_(0.02)
        state |= {prefix + name: weight for name, weight in network.state_dict().items()}
    return Extractor(spec, state)


@pytest.mark.parametrize("kind", KINDS)
def test_the_stream_gives_the_features_of_the_whole(kind: str, pictures: list[np.ndarray]) -> None:
    extractor = build(kind)
    if kind == "raft":
        pictures = pictures[:12]
    stride = extractor.spec.stride

    whole = FeatureStream(extractor)
    at_once = joined([*(whole.push(picture) for picture in pictures), whole.finish()]).values.numpy()
    assert at_once.shape == (-(-len(pictures) // stride), extractor.feature_dim)
    assert np.isfinite(at_once).all()
    assert np.abs(np.diff(at_once, axis=0)).max() > 0

    live = FeatureStream(extractor)
    parts = []
    for index, picture in enumerate(pictures):
        parts.append(live.push(picture))
        parts.append(live.flush())
        due = max(0, (index - extractor.spec.after) // stride + 1)
        assert sum(map(len, parts)) == due, "a feature exists as soon as the frames it reads, and no sooner"
    parts.append(live.finish())
    assert joined(parts).seen.all()
    live_features = joined(parts).values.numpy()
    assert live_features.shape == at_once.shape
    assert np.abs(live_features - at_once).max() < 1e-5 * np.abs(at_once).max()


def test_no_picture_no_feature() -> None:
    for kind in ("rgb", "both", "continual"):
        assert len(FeatureStream(build(kind)).finish()) == 0


class Counted:
    """An extractor that counts the windows, and the frames of continual networks, that it computes."""

    def __init__(self, extractor: Extractor, monkeypatch: pytest.MonkeyPatch) -> None:
        self.windows = self.frames = 0
        call, scaled = Extractor.__call__, Extractor.scaled

        def counting(this: Extractor, rgb: np.ndarray, *others: np.ndarray) -> torch.Tensor:
            features = call(this, rgb, *others)
            self.windows += len(features)
            return features

        def scaling(this: Extractor, rgb: np.ndarray, flow: np.ndarray) -> list[torch.Tensor]:
            self.frames += (rgb if rgb is not None else flow).shape[1]
            return scaled(this, rgb, flow)

        monkeypatch.setattr(Extractor, "__call__", counting)
        monkeypatch.setattr(Extractor, "scaled", scaling)


def drawn(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, 48, 64, 3), np.uint8))


@pytest.mark.parametrize("kind", ["rgb", "rgb, zeros beyond the ends", "both", "flow"])
def test_one_picture_is_computed_once_however_long_it_is_shown(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = build(kind)
    one, other = drawn(2)
    moving = [*drawn(20), *(picture.copy() for picture in [one] * 60), other, *drawn(10)]
    still = [*drawn(20), *[one] * 60, other, *drawn(10)]
    expected = FeatureStream(extractor)
    features = joined([*map(expected.push, moving), expected.finish()])
    counted, stream = Counted(extractor, monkeypatch), FeatureStream(extractor)
    found = joined([*map(stream.push, still), stream.finish()])
    assert len(found) == len(features) == 31
    assert (found.values - features.values).abs().max() < 1e-5 * features.values.abs().max()
    assert counted.windows <= 31 - 15
    assert (stream.repeated, found.seen.all()) == (0, True)


@pytest.mark.parametrize("kind", ["rgb", "both", "flow", "continual", "continual, both"])
@pytest.mark.parametrize("hole", [20, 200, 203])
def test_what_was_not_seen_is_not_computed_and_shifts_nothing(
    kind: str, hole: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor, pictures = build(kind), drawn(160)
    counted, stream = Counted(extractor, monkeypatch), FeatureStream(extractor)
    parts = [*map(stream.push, pictures[:80]), *stream.skip(hole)]
    parts += [*map(stream.push, pictures[80:]), stream.finish()]
    found = joined(parts)
    stride = extractor.spec.stride
    assert len(found) == -(-(160 + hole) // stride)
    times = stride * np.arange(len(found))
    inside = (times >= 80 + 2) & (times < 80 + hole - 2)
    assert not found.seen[inside].any()
    assert found.seen[(times < 80 - 2) | (times > 80 + hole + 2)].all()
    assert (found.values[~found.seen] == 0).all()
    if "continual" not in kind:
        assert counted.windows == found.seen.sum()
    elif hole > 57:
        assert counted.frames <= 160 + stride  # nothing was made up but where the new networks begin
    # What lies further from the hole than it looks is what it would be without one.
    alone = FeatureStream(extractor)
    before = joined([*map(alone.push, pictures[:80]), alone.finish()]).values
    near = -(-extractor.spec.before // stride)
    count = -(-80 // stride) - near
    assert torch.allclose(
        found.values[:count], before[:count], rtol=1e-4, atol=1e-5 * float(before.abs().max())
    )


@pytest.mark.parametrize("kind", ["rgb", "continual"])
@pytest.mark.parametrize("stride", [1, 3, 8, 100])
def test_holes_of_any_lengths_shift_nothing(kind: str, stride: int) -> None:
    rng = np.random.default_rng(stride)
    pictures, total, holes, parts = drawn(30), 0, [], []
    stream = FeatureStream(build(kind, stride=stride))
    for _ in range(8):
        seen, hole = int(rng.integers(1, 30)), int(rng.choice([1, 5, 40, 58, 90, 250]))
        parts += [*map(stream.push, pictures[:seen]), *stream.skip(hole)]
        holes.append((total + seen, total + seen + hole))
        total += seen + hole
    parts += [stream.push(pictures[0]), stream.finish()]
    found = joined(parts)
    assert len(found) == -(-(total + 1) // stride)
    assert found.values.isfinite().all()
    middles = stride * np.arange(len(found))
    deep = np.zeros(len(found), np.bool_)
    for start, end in holes:
        deep |= (middles >= start + 21) & (middles < end - 21)
    assert not found.seen[deep].any()


def test_after_a_hole_no_feature_repeats_one_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = build("rgb")
    stream = FeatureStream(extractor)
    stream.thin = 16
    dark, bright = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 250, np.uint8)
    pictures = [*(dark.copy() for _ in range(60)), *(bright.copy() for _ in range(60))]
    parts = [*map(stream.push, pictures[:60]), *stream.skip(90), *map(stream.push, pictures[60:])]
    found = joined([*parts, stream.finish()])
    reference = FeatureStream(extractor)
    expected = joined([*map(reference.push, pictures[60:]), reference.finish()]).values
    assert found.seen[-1]
    assert torch.allclose(found.values[-1], expected[-1], rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_flow_of_large_pictures_does_not_wait_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor, lengths = build("flow"), []
    flows = extractor.flows
    monkeypatch.setattr(extractor, "flows", lambda sights: lengths.append(len(sights)) or flows(sights))
    monkeypatch.setattr(feature_stream, "_PENDING_BYTES", 3 * drawn(1)[0].nbytes)
    stream = FeatureStream(extractor)
    for picture in drawn(20):
        stream.push(picture)
    assert set(lengths) == {4}  # with the one whose flow leads to the next
    assert extractor.batch == 16


def test_named_extractors_have_the_published_settings() -> None:
    spec = named_spec("i3d", rate=30, stride=8, flow="tvl1")
    assert (spec.window, spec.short_side, spec.crop) == (21, 256, (224, 224))
    assert spec.streams == ("rgb", "flow")
    assert (spec.before, spec.after) == (10, 11)  # the last frame's flow leads to one more
    assert weight_names(spec) == ["i3d-rgb", "i3d-flow"]
    hub = named_spec("hub:slowfast_r50")
    assert (hub.window, hub.frame_stride, hub.rate) == (32, 2, 30.0)
    for name in NAMES:
        assert named_spec(name, rate=15).name == name
    with pytest.raises(ValueError, match="extractor i3d_r50: no such one; there are i3d, i3d-rgb, "):
        named_spec("i3d_r50")
    with pytest.raises(ValueError, match=r"needs 2 weight files \(i3d-rgb, i3d-flow\), not 1"):
        join_weights(spec, [{}])
