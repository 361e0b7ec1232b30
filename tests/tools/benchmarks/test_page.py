"""Results as a table, as JSON, and held against earlier ones."""

from __future__ import annotations

import json

import torch

from actfusion_stream.tools.benchmarks.page import as_json, machine, page, table, worse
from actfusion_stream.tools.benchmarks.rows import Row

FAST = Row("a pass", "released", 6.0, 2.0, 2.5, "equal to 1e-5")
CLIP = Row("a clip", "", None, 2.5, 2.0)


def test_a_table() -> None:
    assert table({"model": [FAST], "video": [CLIP]}) == [
        "| work | the plain way | plain, s | here, s | times as fast | target | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| a pass | released | 6 | 2 | 3.00 | >= 2.5 | equal to 1e-5 |",
        "| a clip |  |  | 2.5 |  | <= 2 s, missed |  |",
    ]


def test_a_page_says_on_what_machine() -> None:
    text = page({"model": [FAST]}, {"processor": "Cray-1, 1 cores"})
    assert text.startswith("# Speed\n")
    assert "- processor: Cray-1, 1 cores\n" in text
    assert "| a pass | released |" in text


def test_this_machine_is_described() -> None:
    described = machine(torch.device("cpu"))
    assert f"torch {torch.__version__}" in described["system"]
    assert " cores, " in described["processor"]


def test_what_became_slower_by_more_than_a_fifth_is_named() -> None:
    committed = json.loads(json.dumps(as_json({"model": [FAST], "video": [CLIP]}, {})))
    assert list(worse({"model": [Row("a pass", "released", 4.9, 2.0)]}, committed)) == []
    assert list(worse({"model": [Row("a pass", "released", 4.7, 2.0)]}, committed)) == [
        "model: a pass: was 3.00 times as fast, now 2.35"
    ]
    assert list(worse({"model": []}, committed)) == [
        "model: a pass: was 3.00 times as fast, and was not measured now"
    ]
    assert list(worse({"video": [Row("a clip", "", None, 99.0)]}, committed)) == []
