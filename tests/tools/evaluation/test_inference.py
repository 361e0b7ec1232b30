"""The test protocol of the field: offsets averaged, filtered, restored to the frame rate, and merged."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.tools.evaluation import inference
from actfusion_stream.tools.evaluation.inference import (
    anticipate,
    anticipate_several,
    merge_short,
    restore_rate,
    segment,
)
from actfusion_stream.tools.training.presets import Preset


@pytest.fixture(scope="module")
def model() -> ActFusion:
    torch.manual_seed(0)
    config = ActFusionConfig(
        feature_dim=4,
        num_classes=3,
        encoder_layers=3,
        encoder_dim=8,
        conditioning_layers=(2,),
        decoder_layers=2,
        decoder_dim=6,
        time_embedding_dim=16,
        sampling_steps=3,
    )
    network = ActFusion(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return network.eval()


@pytest.fixture(scope="module")
def undecided(model: ActFusion) -> ActFusion:
    """The same, where noise decides between the classes."""
    network = copy.deepcopy(model)
    with torch.no_grad():
        network.decoder.project_in.weight.mul_(30)
        network.decoder.project_out.bias.zero_()
        network.decoder.project_out.weight.mul_(10)
    return network


PRESET = Preset(sample_rate=4, median=1)


def video(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((4, frames)).astype(np.float32)


@pytest.mark.parametrize("frames", [1, 3, 4, 5, 41, 200])
@pytest.mark.parametrize("rate", [1, 4, 8])
def test_every_frame_gets_a_label(model: ActFusion, frames: int, rate: int) -> None:
    labels = segment(model, replace(PRESET, sample_rate=rate), video(frames))
    assert labels.shape == (frames,)
    assert labels.dtype == np.int64


def test_steps_speak_for_the_nearest_frames() -> None:
    # Steps of 4 frames lie at frames 2, 6 and 10; the last one also speaks for what follows it.
    assert restore_rate(np.array([7, 8, 9]), 13, 4).tolist() == [7] * 5 + [8] * 4 + [9] * 4
    assert restore_rate(np.array([5]), 3, 8).tolist() == [5, 5, 5]
    assert restore_rate(np.array([1, 2, 3]), 3, 1).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("labels", "merged"),
    [
        ([1] * 5 + [2] * 3 + [3] * 5, [1] * 6 + [3] * 7),  # half to each: the odd frame to the later one
        ([2] * 2 + [1] * 5, [1] * 7),
        ([1] * 5 + [2] * 2, [1] * 7),
        ([1] * 5 + [2] * 4 + [3] * 5, [1] * 5 + [2] * 4 + [3] * 5),
        ([2, 2], [2, 2]),
    ],
)
def test_short_segments_go_to_their_neighbours(labels: list[int], merged: list[int]) -> None:
    assert merge_short(np.array(labels), 3).tolist() == merged
    assert merge_short(np.array(labels), 0).tolist() == labels


def test_the_probabilities_of_all_offsets_are_averaged_then_filtered(model: ActFusion) -> None:
    """Against the definition, offset by offset, on noise of the same seeds."""
    features = video(83)
    probabilities = []
    for offset in range(4):
        one = torch.from_numpy(features[:, offset::4][:, :20].copy())[None]
        source = inference._generator(5, offset)

        def noise(i: int, shape: tuple[int, ...], source: torch.Generator = source) -> torch.Tensor:
            return torch.randn(shape[1:], generator=source)[None]

        probabilities.append(model.sample(one, noise=noise)[0].numpy())
    expected = restore_rate(np.mean(probabilities, axis=0).argmax(axis=0), 83, 4)
    assert segment(model, PRESET, features, seed=5).tolist() == expected.tolist()


def test_offsets_may_share_a_pass_or_not(model: ActFusion, monkeypatch: pytest.MonkeyPatch) -> None:
    together = segment(model, PRESET, video(120))
    monkeypatch.setitem(inference._PASS_STEPS, "cpu", 1)
    assert segment(model, PRESET, video(120)).tolist() == together.tolist()


def test_the_median_takes_out_what_flickers(model: ActFusion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Probabilities of a lone step between 30 of another class, as an outlier of the network would be."""
    probabilities = np.full((3, 61), 0.1, np.float32)
    probabilities[0] = 0.8
    probabilities[:, 30] = (0.1, 0.8, 0.1)
    monkeypatch.setattr(inference, "_sample", lambda *_: probabilities[None])
    flickering = segment(model, replace(PRESET, sample_rate=1), video(61))
    assert np.flatnonzero(flickering).tolist() == [30]
    assert segment(model, replace(PRESET, sample_rate=1, median=3), video(61)).tolist() == [0] * 61


@pytest.mark.parametrize("ratio", [None, 4.0, 0.5])
def test_anticipation_depends_on_nothing_but_the_observed_frames(
    model: ActFusion, ratio: float | None
) -> None:
    features = video(200)
    labels = anticipate(model, PRESET, features[:, :40], 200, ratio=ratio)
    assert labels.shape == (200,)
    if ratio == 0.5:  # 60 frames are said; the last label holds
        assert set(labels[60:].tolist()) == {labels[59]}
    # With the length given it matters; with a ratio it does not.
    longer = anticipate(model, PRESET, features[:, :40], 230, ratio=ratio)
    if ratio is not None:
        assert longer[:200].tolist() == labels.tolist()


def test_one_observed_frame_is_enough(model: ActFusion) -> None:
    # Seven of eight offsets then see nothing at all.
    labels = anticipate(model, replace(PRESET, sample_rate=8), video(1), 40)
    assert labels.shape == (40,)
    assert set(labels.tolist()) <= {0, 1, 2}


@pytest.mark.parametrize("median", [2, 12])
def test_the_median_may_be_even(model: ActFusion, median: int) -> None:
    assert segment(model, replace(PRESET, median=median), video(90)).shape == (90,)


def test_the_same_seed_says_the_same(model: ActFusion) -> None:
    assert (
        segment(model, PRESET, video(90), seed=1).tolist()
        == segment(model, PRESET, video(90), seed=1).tolist()
    )


def test_a_future_is_drawn_from_one_noise_for_all_offsets(undecided: ActFusion) -> None:
    """Against the definition: 40 of 83 frames are seen, so 10 of 20 steps of each of four offsets."""
    features = video(83)[:, :40]
    futures = anticipate_several(undecided, PRESET, features, 83, 3, seed=5)
    assert futures.shape == (3, 83)
    for number in range(3):
        probabilities = []
        for offset in range(4):
            one = torch.zeros(1, 4, 20)
            one[0, :, :10] = torch.from_numpy(features[:, offset::4].copy())
            source = inference._generator(5, f"future {number}")

            def noise(i: int, shape: tuple[int, ...], source: torch.Generator = source) -> torch.Tensor:
                return torch.randn(shape[1:], generator=source)[None]

            probabilities.append(undecided.sample(one, torch.arange(20)[None] < 10, noise)[0].numpy())
        expected = restore_rate(np.mean(probabilities, axis=0).argmax(axis=0), 83, 4)
        assert futures[number].tolist() == expected.tolist()
    assert len({tuple(future) for future in futures.tolist()}) == 3


def test_futures_may_share_a_pass_or_not(undecided: ActFusion, monkeypatch: pytest.MonkeyPatch) -> None:
    def several() -> list[list[int]]:
        return anticipate_several(undecided, PRESET, video(50), 120, 5).tolist()  # type: ignore[no-any-return]

    together = several()
    monkeypatch.setitem(inference._PASS_STEPS, "cpu", 60)  # two futures of 30 steps
    assert several() == together
    assert len({tuple(future) for future in together}) == 5


def test_several_futures_end_as_one_does_where_the_length_is_unknown(undecided: ActFusion) -> None:
    futures = anticipate_several(undecided, PRESET, video(40), 200, 2, ratio=0.5)
    assert futures.shape == (2, 200)
    for future in futures:
        assert set(future[60:].tolist()) == {future[59]}
