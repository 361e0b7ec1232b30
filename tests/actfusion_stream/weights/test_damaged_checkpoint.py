"""What is no checkpoint, or no sane one, is refused in one line, at no cost."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from changed_checkpoints import reason, rewritten
from safetensors.torch import save_file

from actfusion_stream.weights.checkpoint import Checkpoint, build, load_checkpoint


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Fail, rather than take a machine down, where more than 4 GB of address space would be taken on top."""
    with open("/proc/self/statm") as statm:
        taken = int(statm.read().split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + 4 * 2**30, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


# Not a checkpoint


def test_no_such_file(tmp_path: Path) -> None:
    assert reason(tmp_path / "none.safetensors") == (
        "no such file; give a .safetensors file written by actfusion-stream"
    )
    assert reason(tmp_path).startswith("no such file")


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"PK\x03\x04" * 100, b"\xff" * 64, b"\x10" + b"\0" * 7 + b"not really json!"]
)
def test_a_file_of_another_format(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert reason(path).startswith("not a safetensors file (")
    assert reason(path).endswith("; give one written by actfusion-stream")


def test_a_pickle_is_not_even_opened(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "model.pt")
    assert reason(tmp_path / "model.pt").startswith("not a safetensors file (")


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_a_truncated_file(tiny_checkpoint: Path, tmp_path: Path, share: float) -> None:
    content = tiny_checkpoint.read_bytes()
    path = tmp_path / "cut.safetensors"
    path.write_bytes(content[: int(share * len(content))])
    assert reason(path).startswith("not a safetensors file (")


def test_a_file_that_is_longer_than_it_says(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    path.write_bytes(tiny_checkpoint.read_bytes())
    with path.open("r+b") as file:
        file.truncate(2**40)  # a terabyte of nothing
    assert reason(path).startswith("not a safetensors file (")


def test_somebody_elses_safetensors(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, str(tmp_path / "other.safetensors"), metadata={"format": "pt"})
    assert reason(tmp_path / "other.safetensors") == (
        "a safetensors file of another kind; "
        "it lacks the description that actfusion-stream writes into its own"
    )


# Damaged


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "7", '"text"', "[" * 100_000, '{"format": NaN}', "1" * 10_000, "\\"]
)
def test_a_description_that_is_no_description(tmp_path: Path, text: str) -> None:
    path = tmp_path / "damaged.safetensors"
    save_file({"weight": torch.zeros(3)}, str(path), metadata={"actfusion_stream": text})
    assert reason(path).startswith("damaged or of another version: ")


def test_another_version_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = rewritten(
        tiny_checkpoint, tmp_path / "new.safetensors", lambda about: about.update(format="checkpoint 2")
    )
    assert reason(path) == (
        "damaged or of another version: its format is 'checkpoint 2', "
        "this version reads 'actfusion-stream checkpoint 1'"
    )


HARMLESS = [("median", True), ("training", {}), ("training", {"a": []})]


@pytest.mark.parametrize("key", ["class_names", "model", "extractor", "median", "training"])
@pytest.mark.parametrize(
    "value", [None, [], [[]], {}, {"a": []}, "", "\x1b[2J", 1e308, float("inf"), -1, True]
)
def test_json_of_any_other_type_is_refused_or_harmless(
    tiny_checkpoint: Path, tmp_path: Path, key: str, value: object
) -> None:
    path = rewritten(
        tiny_checkpoint, tmp_path / "odd.safetensors", lambda about: about.__setitem__(key, value)
    )
    if (key, value) in HARMLESS:
        build(load_checkpoint(path), path, "cpu")
    else:
        assert reason(path).startswith("damaged or of another version: ")


@pytest.mark.parametrize("key", ["class_names", "model", "extractor", "median", "training"])
def test_what_is_missing_is_named(tiny_checkpoint: Path, tmp_path: Path, key: str) -> None:
    path = rewritten(tiny_checkpoint, tmp_path / "less.safetensors", lambda about: about.pop(key))
    assert reason(path) == f"damaged or of another version: '{key}' is missing"


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("model", "num_classes", 6, "it names 5 classes for a model of 6"),
        ("model", "num_classes", 10**9, "its num_classes is 1000000000; it must be from 1 to 65536"),
        ("model", "feature_dim", 10**9, "its feature_dim is 1000000000; it must be from 1 to 65536"),
        ("model", "feature_dim", 104.0, "its feature_dim is 104.0; it must be from 1 to 65536"),
        ("model", "feature_dim", "104", "its feature_dim is '104'; it must be from 1 to 65536"),
        (
            "model",
            "encoder_dim",
            60_000,
            "weight model.decoder.layers.0.key.weight has shape (16, 48, 1), its ",
        ),
        ("model", "encoder_layers", 10**9, "its encoder_layers is 1000000000; it must be from 1 to 16"),
        (
            "model",
            "encoder_layers",
            3,
            "conditioning_layers is (1, 3); it must name one or more of the encoder",
        ),
        ("model", "decoder_layers", 5, "weight model.decoder.layers.4.conv.bias is missing"),
        ("model", "decoder_layers", 3, "weight model.decoder.layers.3.conv.bias does not belong to it"),
        ("model", "decoder_kernel", 10**9 + 1, "its decoder_kernel is 1000000001; it must be from 1 to 63"),
        (
            "model",
            "encoder_kernel",
            4,
            "encoder_kernel is 4; a dilated kernel has a centre, so it must be odd",
        ),
        (
            "model",
            "conditioning_layers",
            [1] * 1000,
            "weight model.decoder.layers.0.key.weight has shape (16, ",
        ),
        ("model", "conditioning_layers", 7, "'int' object is not iterable"),
        ("model", "time_embedding_dim", 31, "its time_embedding_dim is 31; it must be even"),
        ("model", "time_embedding_dim", 2, "its time_embedding_dim is 2; it must be from 4 to 4096"),
        (
            "model",
            "diffusion_steps",
            10**12,
            "its diffusion_steps is 1000000000000; it must be from 1 to 10000",
        ),
        ("model", "sampling_steps", 0, "its sampling_steps is 0; it must be from 1 to 1000"),
        ("model", "diffusion_steps", 3, "it takes 4 sampling steps of 3 diffusion steps"),
        ("model", "eta", float("nan"), "its eta is nan; it must be from 0.0 to 1.0"),
        ("model", "scale", 0, "its scale is 0; it must be from 0.01 to 100.0"),
        ("model", "colour", "red", "ActFusionConfig.__init__() got an unexpected keyword argument 'colour'"),
        (
            "extractor",
            "width",
            1e9,
            "width and rate of the extractor are (1000000000.0, 15.0); give numbers above",
        ),
        (
            "extractor",
            "width",
            4000,
            "weight extractor.Conv3d_1a_7x7.bn.bias has shape (8,), its description asks",
        ),
        (
            "extractor",
            "width",
            0.5,
            "weight extractor.Conv3d_1a_7x7.bn.bias has shape (8,), its description asks",
        ),
        ("extractor", "rate", 0, "width and rate of the extractor are (0.1, 0); give numbers above 0"),
        (
            "extractor",
            "window",
            10**9,
            "window, stride, short side, crop and frame stride of the extractor are (1000000000, 4,",
        ),
        (
            "extractor",
            "stride",
            -1,
            "window, stride, short side, crop and frame stride of the extractor are (8, -1, ",
        ),
        ("extractor", "crop", [32], "list index out of range"),
        ("extractor", "crop", {"h": 1}, "0 is missing"),
        (
            "extractor",
            "crop",
            [32, "40"],
            "window, stride, short side, crop and frame stride of the extractor are (8, 4, 32, ",
        ),
        ("extractor", "name", "a\nb", "its extractor name is 'a\\nb'; it must be text"),
        ("extractor", "fingerprint", 7, "its fingerprint is '7'; it must be text"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_before_they_cost_memory(
    tiny_checkpoint: Path,
    tmp_path: Path,
    little_memory: None,
    section: str,
    key: str,
    value: object,
    said: str,
) -> None:
    path = rewritten(
        tiny_checkpoint, tmp_path / "odd.safetensors", lambda about: about[section].__setitem__(key, value)
    )
    assert reason(path).removeprefix("damaged or of another version: ").startswith(said)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "b", "c", "d"], "it names 4 classes for a model of 5"),
        (["a", "b", "c", "d", "a"], "its class names are not a list of different names"),
        ("abcde", "its class names are not a list of different names"),
        (["a", "b", "c", "d", 5], "its class name is '5'; it must be text"),
        (["a", "b", "c", "d", "\x1b]0;owned\x07"], "its class name is '\\x1b]0;owned\\x07'; it must be text"),
        (["a", "b", "c", "d", "e" * 10_000], "its class name is 'eeeee"),
    ],
)
def test_class_names_are_short_different_and_printable(
    tiny_checkpoint: Path, tmp_path: Path, names: object, said: str
) -> None:
    path = rewritten(
        tiny_checkpoint, tmp_path / "odd.safetensors", lambda about: about.update(class_names=names)
    )
    assert reason(path).removeprefix("damaged or of another version: ").startswith(said)


@pytest.mark.parametrize("doubt", [-0.1, 1.5, "no", None])
def test_doubt_is_a_probability(tiny_checkpoint: Path, tmp_path: Path, doubt: object) -> None:
    path = rewritten(tiny_checkpoint, tmp_path / "odd.safetensors", lambda about: about.update(doubt=doubt))
    assert f"its doubt is {doubt}; it must be a number from 0 to 1" in reason(path)


@pytest.mark.parametrize("median", [0, -3, 10**9 + 1, 3.0])
def test_the_median_is_a_small_number(tiny_checkpoint: Path, tmp_path: Path, median: object) -> None:
    path = rewritten(tiny_checkpoint, tmp_path / "odd.safetensors", lambda about: about.update(median=median))
    assert f"its median is {median}; it must be a number from 1 to 1001" in reason(path)


# Weights that do not fit


@pytest.mark.parametrize(
    "name", ["model.mask_token", "model.decoder.time_out.bias", "extractor.logits.conv3d.bias"]
)
def test_a_missing_weight_is_named(tiny_checkpoint: Path, tmp_path: Path, name: str) -> None:
    path = rewritten(
        tiny_checkpoint, tmp_path / "less.safetensors", tensors=lambda weights: weights.pop(name)
    )
    assert name.rsplit(".", 1)[0] in reason(path)


def test_a_weight_too_many_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = rewritten(
        tiny_checkpoint, tmp_path / "more.safetensors", tensors=lambda w: w.update(extra=torch.zeros(2))
    )
    assert reason(path) == "damaged or of another version: weight extra does not belong to it"


def test_a_weight_of_another_shape_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = rewritten(
        tiny_checkpoint,
        tmp_path / "odd.safetensors",
        tensors=lambda weights: weights.update({"model.mask_token": torch.zeros(104, 1)}),
    )
    assert reason(path) == (
        "damaged or of another version: weight model.mask_token has shape (104, 1), "
        "its description asks for (1, 104, 1)"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_training_that_went_astray_is_noticed(tiny: Checkpoint, tmp_path: Path, value: float) -> None:
    broken = {**tiny.model_state, "mask_token": torch.full((1, 104, 1), value)}
    replace(tiny, model_state=broken).save(tmp_path / "nan.safetensors")
    assert "weight model.mask_token has values that are not finite" in reason(tmp_path / "nan.safetensors")


def test_weights_of_another_extractor_are_named_by_both_fingerprints(
    tiny: Checkpoint, tmp_path: Path
) -> None:
    path, spec = tmp_path / "other.safetensors", tiny.extractor_spec
    assert spec is not None
    replace(tiny, extractor_spec=replace(spec, fingerprint="0123456789abcdef")).save(path)
    assert reason(path) == (
        f"the weights of extractor tiny have fingerprint {spec.fingerprint[:12]}, "
        "but 0123456789ab was expected; use the weights that the model was trained with"
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("position", "x", "position is 'x'; it must be one of none, bias, embedding, absolute"),
        ("mask_token", 3, "mask_token is 3; it must be one of learned, zero"),
        ("mask_at", [], "mask_at is []; it must be one of encoder, decoder"),
        ("reconstruction", "yes", "reconstruction is 'yes'; it must be true or false"),
    ],
)
def test_unknown_settings_are_refused(
    tiny_checkpoint: Path, tmp_path: Path, key: str, value: object, said: str
) -> None:
    path = rewritten(
        tiny_checkpoint, tmp_path / "odd.safetensors", lambda about: about["model"].update({key: value})
    )
    assert reason(path) == f"damaged or of another version: {said}"
