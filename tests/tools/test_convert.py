"""Released checkpoints become ours, give the authors' numbers, and what cannot is refused in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actfusion_stream.extractors.catalogue import named_spec
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.released import released_key
from actfusion_stream.tools.convert import main
from actfusion_stream.tools.training.presets import PRESETS, preset_from_json
from actfusion_stream.weights.checkpoint import load_checkpoint

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
Weights = dict[str, Any]


def released_state(preset: str) -> Weights:
    """A state dict by the released names, of weights that anyone can rebuild."""
    state = {}
    for name, tensor in ActFusion(PRESETS[preset].model).state_dict().items():
        key = released_key(name)
        shape = (20000, 1) if name.endswith("position_bias") else tuple(tensor.shape)
        values = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
        if key == "mask_token" or key.endswith("rel_pos_emb.weight"):
            scale = 0.5
        else:
            scale = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        state[key] = torch.from_numpy((values * scale).astype(np.float32))
    return state


@pytest.fixture(scope="module")
def salads() -> Weights:
    return released_state("50salads")


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    folder = tmp_path_factory.mktemp("mapping")

    def write(count: int) -> Path:
        path = folder / f"{count}.txt"
        path.write_text("".join(f"{i} action_{i}\n" for i in range(count)))
        return path

    return write


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_converted_model_gives_the_authors_numbers(
    salads: Weights, mapping: Callable[[int], Path], tmp_path: Path, wrapped: bool
) -> None:
    fixture = SHARED / "fixtures/actfusion_50salads.npz"
    if not fixture.exists():
        pytest.skip(f"{fixture} is missing; set ACTFUSION_SHARED to the folder that holds fixtures/")
    torch.save({"model": salads, "epoch": 7001} if wrapped else salads, tmp_path / "split1.model")
    ours = tmp_path / "50salads.safetensors"
    given = [str(tmp_path / "split1.model"), "--preset", "50salads", "--labels", str(mapping(19))]
    assert main([*given, "-o", str(ours)]) == 0

    checkpoint = load_checkpoint(ours)
    assert checkpoint.class_names[18] == "action_18"
    assert checkpoint.extractor_spec == named_spec("i3d", rate=30.0, stride=8, flow="tvl1")
    assert preset_from_json(checkpoint.training["preset"]) == PRESETS["50salads"]
    model = checkpoint.model()
    features = torch.from_numpy(np.random.RandomState(1).standard_normal((1, 2048, 150)).astype(np.float32))
    noise = torch.from_numpy(np.random.RandomState(2).standard_normal((26, 1, 19, 150)).astype(np.float32))
    with np.load(fixture) as theirs:
        tas, lta = (torch.from_numpy(theirs[name]).reshape(1, 19, 150) for name in ("tas", "lta"))
    assert (model.sample(features, noise=noise) - tas).abs().max() < 1e-4
    visible = torch.arange(150)[None] < 60
    assert (model.sample(features, visible, noise) - lta).abs().max() < 1e-4


def test_every_preset_with_a_release_converts(mapping: Callable[[int], Path], tmp_path: Path) -> None:
    state = released_state("breakfast")
    torch.save(state, tmp_path / "split1.model")
    given = [str(tmp_path / "split1.model"), "--preset", "breakfast", "--labels", str(mapping(48))]
    assert main([*given, "-o", str(tmp_path / "ours.safetensors")]) == 0
    ours = load_checkpoint(tmp_path / "ours.safetensors").model_state
    assert torch.equal(
        ours["encoder.layers.11.query.weight"], state["encoder.encoder.layers.11.att_linear_q.weight"]
    )


def without(*keys: str) -> Callable[[Weights], Weights]:
    return lambda state: {key: value for key, value in state.items() if key not in keys}


def diffact(state: Weights) -> Weights:
    return {k: v for k, v in state.items() if k != "mask_token" and "rel_pos_emb" not in k}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (diffact, "this is a state dict of DiffAct: it has neither a mask token nor position tables"),
        (without("encoder.conv_in.bias"), "missing encoder.conv_in.bias (64,)"),
        (lambda s: {**s, "head.weight": torch.zeros(3)}, "extra head.weight"),
        (lambda s: {**s, "mask_token": torch.zeros(1, 9, 1)}, "mask_token is (1, 9, 1), not (1, 2048, 1)"),
        (
            lambda s: {**s, "encoder.conv_in.bias": torch.full((64,), float("nan"))},
            "weight encoder.project_in.bias has values that are not finite",
        ),
        (lambda s: [1, 2], "holds a list; a state dict was expected"),
        (lambda s: {"model": 3}, "'model' in the checkpoint is a int; a state dict was expected"),
    ],
)
def test_what_does_not_fit_is_named(
    salads: Weights,
    mapping: Callable[[int], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Weights], object],
    reason: str,
) -> None:
    torch.save(change(salads), tmp_path / "split1.model")
    assert refusal(tmp_path, mapping(19), capsys).endswith(reason) or reason in refusal(
        tmp_path, mapping(19), capsys
    )


def test_another_number_of_classes_is_named(
    salads: Weights, mapping: Callable[[int], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(salads, tmp_path / "split1.model")
    assert "encoder.conv_out.weight is (19, 64, 1), not (11, 64, 1)" in refusal(tmp_path, mapping(11), capsys)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("it-ran",)


@pytest.mark.parametrize("kind", ["text", "cut off", "code", "nothing"])
def test_what_is_no_state_dict_is_refused_and_never_run(
    salads: Weights,
    mapping: Callable[[int], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "split1.model"
    if kind == "text":
        path.write_text("hello")
    elif kind == "cut off":
        torch.save(salads, path)
        path.write_bytes(path.read_bytes()[:100_000])
    elif kind == "code":
        torch.save({"model": Evil()}, path)
    expected = "cannot be read: No such file" if kind == "nothing" else "not a file of nothing but weights"
    assert expected in refusal(tmp_path, mapping(19), capsys)
    assert not (tmp_path / "it-ran").exists()


def refusal(folder: Path, labels: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of split1.model in `folder`: one line."""
    output = folder / "ours.safetensors"
    given = [str(folder / "split1.model"), "--preset", "50salads", "--labels", str(labels), "-o", str(output)]
    assert main(given) == 1
    assert not output.exists()
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_the_command_says_what_it_wrote(
    salads: Weights, mapping: Callable[[int], Path], tmp_path: Path
) -> None:
    torch.save(salads, tmp_path / "split1.model")
    given = [str(tmp_path / "split1.model"), "--preset", "50salads", "--labels", str(mapping(19)), "-o"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.convert", *given, str(tmp_path / "ours.safetensors")],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "19 classes, 2048 channels, 0.91 million weights" in done.stdout or done.stdout.endswith(
        "million weights\n"
    )
    assert (
        json.loads(json.dumps(load_checkpoint(tmp_path / "ours.safetensors").training))["source"]
        == "released"
    )
