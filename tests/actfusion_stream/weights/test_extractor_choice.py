"""Which extractor a stream watches with: what is asked for, and what the model was trained with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from actfusion_stream.cli import _parser, main
from actfusion_stream.command import _extractor
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.catalogue import named_spec
from actfusion_stream.extractors.spec import differences
from actfusion_stream.weights.checkpoint import load_checkpoint
from actfusion_stream.weights.extractor_choice import ExtractorChoice, open_extractor


def test_options_of_the_stream() -> None:
    asked = ["--extractor", "i3d", "--flow", "dis", "--flow-side", "256"]
    asked += ["--windows", "continual", "--every", "8"]
    choice = _extractor(_parser().parse_args(["--video", "a.mp4", *asked]))
    assert choice == ExtractorChoice("i3d", (), None, 8, "dis", "continual", None, 256)
    spec = named_spec("i3d", rate=30, stride=8, flow="dis", flow_side=256, windows="continual")
    assert (spec.stride, spec.windows, spec.flow_side) == (8, "continual", 256)
    assert differences(spec, replace(spec, flow_side=0)) == ["flow_side 256 and 0"]
    assert named_spec("i3d-rgb", rate=30, flow_side=256).flow_side == 0  # it reads no flow


def test_options_without_an_extractor_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for given, named in ((["--every", "8"], "--every"), (["--flow-side", "0"], "--flow-side")):
        assert main(["--video", "a.mp4", *given]) == 1
        said = capsys.readouterr().err
        assert said == f"actfusion-stream: {named}: only with --extractor, e.g. --extractor i3d\n"


def test_what_is_left_open_is_as_the_model_was_trained(tiny_checkpoint: Path) -> None:
    spec = load_checkpoint(tiny_checkpoint).extractor_spec
    assert spec is not None
    trained_on = replace(spec, windows="continual", stride=8)
    choice = ExtractorChoice(str(tiny_checkpoint))
    extractor, warning = open_extractor(choice, trained_on, "a model", "cpu", False, "bfloat16")
    assert warning is None
    assert extractor.spec == replace(trained_on, precision="bfloat16")
    with pytest.raises(StreamError, match="they differ in stride 8 and 4; --force-extractor"):
        open_extractor(replace(choice, stride=4), trained_on, "a model", "cpu", False)
