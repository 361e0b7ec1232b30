"""Features in bfloat16: when they are made, how far from those in float32, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from actfusion_stream.extractors import precision
from actfusion_stream.extractors.catalogue import named_spec
from actfusion_stream.extractors.extractor import Extractor, networks
from actfusion_stream.extractors.feature_stream import FeatureStream, joined
from actfusion_stream.extractors.precision import choose_precision
from actfusion_stream.extractors.spec import ExtractorSpec

TINY = ExtractorSpec("tiny", 0.2, window=8, rate=15.0, stride=4, short_side=64, crop=(64, 64))
CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_auto_is_bfloat16_where_that_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    published, hub = named_spec("i3d", rate=30), named_spec("hub:x3d_m")
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    assert choose_precision("auto", published, CPU) == torch.bfloat16
    assert choose_precision("auto", replace(published, width=0.25), CPU) == torch.float32
    assert choose_precision("auto", hub, CPU) == torch.float32
    assert choose_precision("auto", TINY, GPU) == torch.bfloat16
    assert choose_precision("float32", published, GPU) == torch.float32
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)
    assert choose_precision("auto", published, CPU) == torch.float32
    assert choose_precision("bfloat16", TINY, CPU) == torch.bfloat16
    with pytest.raises(ValueError, match="precision 'half': give one of auto, float32, bfloat16"):
        choose_precision("half", TINY, CPU)


@pytest.mark.parametrize(
    "change",
    [{}, {"windows": "continual"}, {"streams": ("rgb", "flow"), "flow": "dis", "windows": "continual"}],
    ids=["exact", "continual", "two streams"],
)
def test_features_in_bfloat16_are_within_a_hundredth(change: dict[str, object]) -> None:
    spec = replace(TINY, **change)
    torch.manual_seed(0)
    state = {}
    for prefix, network in networks(spec, {}).items():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.running_var.fill_(0.02)
        state |= {prefix + name: weight for name, weight in network.state_dict().items()}
    pictures = np.random.default_rng(0).integers(0, 256, (40, 80, 96, 3), np.uint8)
    found = {}
    for wanted in ("float32", "bfloat16"):
        extractor = Extractor(spec, state, precision=wanted)
        assert extractor.spec.precision == wanted
        stream = FeatureStream(extractor)
        features = joined([*map(stream.push, pictures), stream.finish()]).values
        assert features.dtype == torch.float32
        found[wanted] = features
    for exact, near in zip(found["float32"], found["bfloat16"], strict=True):
        assert 0 < torch.linalg.norm(near - exact) < 0.01 * torch.linalg.norm(exact)
