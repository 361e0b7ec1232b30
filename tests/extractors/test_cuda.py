"""Features where there is a GPU, tried without one (see `fake_gpu`); and what bfloat16 does to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_gpu import GPU, fake_gpu

from actfusion_stream.extractors.catalogue import named_spec
from actfusion_stream.extractors.extractor import Extractor, networks
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.extractors.hub import hub_network, to_precision
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D, fold_batchnorm
from actfusion_stream.extractors.spec import ExtractorSpec, differences

TINY = ExtractorSpec(name="tiny", width=0.1, window=8, rate=15.0, stride=4, short_side=32, crop=(32, 40))
KINDS = [
    TINY,
    replace(TINY, windows="continual"),
    replace(TINY, padding="zero"),
    replace(TINY, streams=("rgb", "flow"), flow="dis"),
    replace(TINY, streams=("flow",), flow="dis", windows="continual"),
]


def weights(spec: ExtractorSpec) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    built = networks(spec, {})
    return {prefix + name: value for prefix, net in built.items() for name, value in net.state_dict().items()}


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


@pytest.mark.parametrize(
    "spec", KINDS, ids=lambda spec: f"{'+'.join(spec.streams)} {spec.windows} {spec.padding}"
)
def test_a_stream_of_features(spec: ExtractorSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    state = weights(spec)
    with fake_gpu(monkeypatch) as gpu:
        extractor = Extractor(spec, state, GPU)
        stream = FeatureStream(extractor)
        count = sum(len(stream.push(image).values) for image in pictures(30)) + len(stream.finish().values)
        assert count == 8
        assert gpu.fetched == 0


def test_what_computed_a_feature_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    state = weights(TINY)
    on_cpu = Extractor(TINY, state).spec
    assert Extractor(TINY, state, precision="bfloat16").spec.precision == "bfloat16"
    with fake_gpu(monkeypatch):
        on_gpu = Extractor(TINY, state, GPU).spec
    assert (on_cpu.precision, on_gpu.precision) == ("float32", "bfloat16")
    assert ExtractorSpec.from_json(on_gpu.to_json()) == on_gpu
    older = {name: value for name, value in on_gpu.to_json().items() if name != "precision"}
    assert ExtractorSpec.from_json(older).precision == ""
    assert differences(on_cpu, on_gpu) == []  # a model trained on one runs on the other
    with pytest.raises(ValueError, match="precision of the extractor is 'float16'; give one of"):
        replace(TINY, precision="float16")


def test_features_in_bfloat16_are_averaged_in_float32() -> None:
    """Maps of bfloat16 have eight bits; what is averaged from them has more, exact and continual."""
    torch.manual_seed(0)
    network = InceptionI3D(I3DConfig(width=0.1)).eval()
    half = fold_batchnorm(network).bfloat16()
    clips = torch.rand(2, 3, 8, 32, 40) * 2 - 1
    with torch.inference_mode():
        features = half.features(clips.bfloat16())
        maps = half.mixed_5c(clips.bfloat16()).double()
        assert features.dtype == torch.float32
        assert torch.allclose(features.double(), maps.mean(dim=(2, 3, 4)), rtol=1e-6, atol=1e-12)
        assert half(clips.bfloat16()).dtype == torch.bfloat16  # the head goes on as it was


def test_batch_norms_keep_their_statistics() -> None:
    torch.manual_seed(0)
    network = hub_network("x3d_xs").eval()
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm3d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.running_var, 0.5, 2.0)
    kept = [norm.running_var.clone() for norm in norms]
    half = to_precision(network, torch.bfloat16)
    assert all(torch.equal(norm.running_var, var) for norm, var in zip(norms, kept, strict=True))
    assert next(half.parameters()).dtype == torch.bfloat16
    with torch.inference_mode():
        assert half.blocks[0](torch.rand(1, 3, 4, 64, 64).bfloat16()).dtype == torch.bfloat16


def test_a_backbone_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = named_spec("hub:x3d_xs")
    state = weights(spec)
    with fake_gpu(monkeypatch) as gpu:
        extractor = Extractor(spec, state, GPU)
        clips = np.zeros((2, spec.window, *spec.crop, 3), np.uint8)
        features = extractor(clips)
        assert (features.shape, features.dtype) == ((2, 2048), torch.float32)
        assert gpu.fetched == 0
