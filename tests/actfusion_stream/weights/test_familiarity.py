"""What a file keeps of the features of training: what it says of others, and which files are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from changed_checkpoints import Change, reason, rewritten
from safetensors import safe_open

from actfusion_stream.weights.checkpoint import Checkpoint, build, load_checkpoint
from actfusion_stream.weights.familiarity import Familiarity, steps_of


def plane() -> Familiarity:
    """Familiar is the plane of the first two of three channels, through (1, 1, 1)."""
    return Familiarity(np.ones(3), np.eye(3)[:2], threshold=0.5)


def test_the_distance_is_the_share_of_the_way_that_leads_out_of_the_subspace() -> None:
    features = np.array([[5, 1, 4, 1, 1e38], [-7, 1, 1, 1, 1], [1, 3, 5, 1, 1]], np.float32)
    # In the plane; at a right angle to it; 3 along and 4 out of it; the mean itself; far, but in the plane.
    np.testing.assert_allclose(plane().distances(features), [0, 1, 0.8, 0, 0], atol=1e-7)


def test_brightness_and_contrast_do_not_count() -> None:
    away = np.array([[3.0], [0.0], [4.0]])
    assert plane().distances(1 + 0.01 * away) == pytest.approx(plane().distances(1 + 100 * away))


def test_one_strange_moment_is_no_strange_video() -> None:
    features = np.ones((3, 9), np.float32)
    features[0] = 2  # familiar
    features[2, :4] = 9
    assert plane().strangeness(features) == 0
    features[2, :5] = 1e6
    assert plane().strangeness(features) == pytest.approx(2, abs=1e-6), "a right angle, twice the threshold"


@pytest.mark.parametrize(("period", "steps"), [(0.4, 10), (4 / 15, 15), (1.0, 4), (30.0, 1)])
def test_four_seconds_count(period: float, steps: int) -> None:
    assert steps_of(period) == steps


def familiar(tiny: Checkpoint) -> Checkpoint:
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.standard_normal((104, 12)))
    return replace(tiny, familiarity=Familiarity(rng.standard_normal(104), axes.T, 0.25))


def test_it_is_kept_in_the_checkpoint(tiny: Checkpoint, tmp_path: Path) -> None:
    written, path = familiar(tiny), tmp_path / "familiar.safetensors"
    written.save(path)
    read = load_checkpoint(path)
    assert written.familiarity is not None
    assert read.familiarity is not None
    features = np.random.default_rng(1).standard_normal((104, 5), np.float32)
    assert read.familiarity.strangeness(features) == pytest.approx(
        written.familiarity.strangeness(features), rel=1e-3
    )
    read.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes(), "rounded once"


def test_of_2048_channels_it_takes_a_third_of_a_megabyte_at_most() -> None:
    kept = Familiarity(np.zeros(2048), np.eye(2048)[:64], 0.5).tensors()
    assert sum(tensor.nbytes for tensor in kept.values()) == 270_336


def test_a_checkpoint_without_it_says_so(tiny: Checkpoint, tmp_path: Path) -> None:
    replace(tiny, familiarity=None).save(tmp_path / "plain.safetensors")
    assert load_checkpoint(tmp_path / "plain.safetensors").familiarity is None


def test_an_older_file_still_runs(tiny_checkpoint: Path, tmp_path: Path) -> None:
    def aged(about: dict[str, Any]) -> None:
        about.update(note="demo model", home="actfusion-kitchen")
        del about["familiarity"]

    path = rewritten(tiny_checkpoint, tmp_path / "old.safetensors", aged)
    loaded = load_checkpoint(path)
    build(loaded, path, "cpu")
    assert loaded.familiarity is None
    loaded.save(tmp_path / "new.safetensors")
    with safe_open(str(tmp_path / "new.safetensors"), framework="pt") as file:
        assert not {"note", "home"} & json.loads(file.metadata()["actfusion_stream"]).keys()


ORTHONORMAL = "familiarity.axes are not at right angles to each other, and of length 1"


@pytest.mark.parametrize(
    ("description", "tensors", "said"),
    [
        ({"axes": 0}, {}, "its familiarity has '0' axes; it must be from 1 to 64"),
        ({"axes": 10**9}, {}, "its familiarity has '1000000000' axes; it must be from 1 to 64"),
        ({"axes": True}, {}, "its familiarity has 'True' axes; it must be from 1 to 64"),
        ({"axes": "\x1b[2J"}, {}, r"its familiarity has '\x1b[2J' axes; it must be from 1 to 64"),
        ({"axes": 5}, {}, "weight familiarity.axes has shape (12, 104), its description asks for (5, 104)"),
        ({"threshold": 0.0}, {}, "its familiarity has the threshold '0.0'; it must be from 0.01 to 1.0"),
        ({"threshold": float("nan")}, {}, "its familiarity has the threshold 'nan'; it must be from 0.01 to"),
        ({"threshold": 1e308}, {}, "its familiarity has the threshold '1e+308'; it must be from 0.01 to 1.0"),
        ({"threshold": "0.5"}, {}, "its familiarity has the threshold '0.5'; it must be from 0.01 to 1.0"),
        (
            {},
            {"mean": torch.zeros(7)},
            "weight familiarity.mean has shape (7,), its description asks for (104",
        ),
        ({}, {"mean": None}, "weight familiarity.mean is missing"),
        (
            {},
            {"mean": torch.full((104,), torch.nan)},
            "weight familiarity.mean has values that are not finite",
        ),
        ({}, {"axes": torch.zeros(12, 104)}, ORTHONORMAL),
        ({}, {"axes": torch.full((12, 104), 6e4)}, ORTHONORMAL),
        ({}, {"other": torch.zeros(3)}, "weight familiarity.other does not belong to it"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tiny: Checkpoint,
    tmp_path: Path,
    description: dict[str, Any],
    tensors: dict[str, torch.Tensor | None],
    said: str,
) -> None:
    familiar(tiny).save(tmp_path / "familiar.safetensors")

    def change(weights: dict[str, torch.Tensor]) -> None:
        for name, tensor in tensors.items():
            weights.pop(f"familiarity.{name}", None)
            if tensor is not None:
                weights[f"familiarity.{name}"] = tensor

    path = rewritten(
        tmp_path / "familiar.safetensors",
        tmp_path / "odd.safetensors",
        lambda about: about["familiarity"].update(description),
        change,
    )
    assert reason(path).removeprefix("damaged or of another version: ").startswith(said)


@pytest.mark.parametrize("value", [[], {}, "", 7, {"axes": 12}, {"threshold": 0.5}, True, [12]])
def test_json_of_another_kind_is_refused(tiny: Checkpoint, tmp_path: Path, value: object) -> None:
    familiar(tiny).save(tmp_path / "familiar.safetensors")
    change: Change = lambda about: about.update(familiarity=value)  # noqa: E731
    path = rewritten(tmp_path / "familiar.safetensors", tmp_path / "odd.safetensors", change)
    assert reason(path).startswith("damaged or of another version: ")
