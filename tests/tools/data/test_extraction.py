"""Features of whole videos: what could not be trained on is not written."""

from __future__ import annotations

from pathlib import Path

import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.data.extraction import extract
from actfusion_stream.weights.checkpoint import load_checkpoint


def test_weights_that_overflow_are_named(tiny_checkpoint: Path, tiny_video: Path) -> None:
    extractor = load_checkpoint(tiny_checkpoint).extractor()
    assert extract(tiny_video, extractor).features.shape == (104, 23)
    for network in extractor._networks:
        for weight in network.parameters():
            weight.data.fill_(1e30)
    with pytest.raises(StreamError) as error:
        extract(tiny_video, extractor)
    assert str(error.value) == (
        f"{tiny_video}: its features are not finite; the weights of the extractor overflow: give others"
    )
