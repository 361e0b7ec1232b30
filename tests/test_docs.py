"""README and docs say what is so: commands, options, events, figures."""

from __future__ import annotations

import importlib
import json
import re
import runpy
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import jinja2
import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator
from pages import DOCS, EXTRAS, PAGES, REPOSITORY, SCRIPTS, blocks, calls, fences, spans

from actfusion_stream import cli, open_stream, run
from actfusion_stream.arguments import OneLineParser
from actfusion_stream.engine.settings import FUTURES
from actfusion_stream.events.records import schema
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.weights.checkpoint import load_checkpoint

NAMES = [page.name for page in PAGES]
NOT_RUN = {"csv", "javascript", "json", "python", "text", "yaml"}  # languages of fences, beside sh


class Understood(Exception):
    """A command has read its arguments, and would now begin."""


@pytest.fixture
def only_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(OneLineParser, name, and_stop(getattr(OneLineParser, name)))


def and_stop(parse: Callable[..., object]) -> Callable[..., None]:
    def parse_and_stop(*arguments: object) -> None:
        parse(*arguments)
        raise Understood

    return parse_and_stop


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_stand_where_they_are_run(page: Path) -> None:
    for language, text in fences(page):
        assert language == "sh" or language in NOT_RUN, text
        if language != "sh":
            assert not re.search(r"^(actfusion-|python |pip |make )", text, re.MULTILINE), text


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
@pytest.mark.usefixtures("only_parsing")
def test_every_command_is_understood(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, shell in enumerate([*blocks(page, "sh"), *spans(page)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        called = calls(shell, folder)
        assert called, shell
        for call in called:
            try:
                understand(*call)
            except SystemExit as ended:
                if ended.code:
                    pytest.fail(f"{page.name}: {' '.join(call)}\n{capsys.readouterr().err}")


def understand(name: str, *arguments: str) -> None:
    """Let the command that is called read its arguments, by its own parser."""
    if name in ("git", "pip", "make"):
        if name == "make":
            assert re.search(f"^{arguments[0]}:", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        for extra in re.findall(r"\[(\w+)\]", " ".join(arguments)):
            assert extra in EXTRAS
        return
    if name == "python" and arguments[0] != "-m":
        assert (REPOSITORY / arguments[0]).is_file()
        return
    module, _, main = SCRIPTS[name].partition(":") if name in SCRIPTS else (arguments[1], "", "main")
    if name == "python":
        module, arguments = f"actfusion_stream.{module}", arguments[2:]
    with pytest.raises(Understood):
        getattr(importlib.import_module(module), main or "main")(list(arguments))


def test_every_option_is_in_the_table_and_none_else() -> None:
    options = {name for name in cli._parser()._option_string_actions if name.startswith("--")}
    table = set(re.findall(r"`(--[a-z-]+)", (DOCS / "options.md").read_text()))
    assert table == options


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with kitchen.mp4, four seconds of it, and the events of watching it."""
    folder = tmp_path_factory.mktemp("watched")
    write_video(Kitchen(10_000, 4.0, (64, 48)), folder / "kitchen.mp4", Fraction(15))
    with open_stream(folder / "kitchen.mp4", tick=1.0) as stream:
        run(stream, [EventLog(folder / "events.jsonl")])
    return folder


def test_the_python_blocks_run(
    watched: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(watched)
    different = dict.fromkeys(block for page in PAGES for block in blocks(page, "python"))
    assert len(different) >= 4
    names = {"image": np.zeros((48, 64, 3), np.uint8), "seconds": 0.0}
    for block in different:
        exec(block.replace('device="cuda"', 'device="cpu"'), names)
        said = capsys.readouterr().out
        assert said.count("\n") > 1 or "print" not in block
    assert (watched / "annotated.mp4").exists()


def test_the_events_have_the_keys_that_the_page_shows(watched: Path) -> None:
    shown = {event["type"]: event for block in blocks(DOCS / "events.md", "json") for event in objects(block)}
    validator, said = Draft202012Validator(schema()), {}
    for event in map(json.loads, (watched / "events.jsonl").read_text().splitlines()):
        said[event["type"]] = event
    assert shown.keys() | {"summary"} == set(schema()["properties"]["type"]["enum"])
    for kind, event in shown.items():
        validator.validate(event)
        assert list(event) == list(said.get(kind, event))


def test_the_recipes_do_what_they_say() -> None:
    page = DOCS / "events.md"
    shown = {event["type"]: event for block in blocks(page, "json") for event in objects(block)}
    sensors, (automation,) = map(yaml.safe_load, blocks(page, "yaml"))
    (sensor,) = sensors["mqtt"]["sensor"]
    said = {"value_json": shown["tick"]}
    assert jinja2.Template(sensor["value_template"]).render(said) == "tear_lettuce"
    attributes = json.loads(jinja2.Template(sensor["json_attributes_template"]).render(said))
    assert attributes == {"next": shown["tick"]["next"], "unfamiliar": False}
    condition = jinja2.Template(automation["conditions"][0]["value_template"])
    for told, turns_on in (({"label": "cut_tomato"}, "True"), ({}, "False")):
        expected = {"payload_json": {**shown["action_expected"], **told}}
        assert condition.render(trigger=expected) == turns_on
    nodes = {node["id"]: node for node in json.loads(*blocks(page, "javascript"))}
    assert {to for node in nodes.values() for wires in node.get("wires", []) for to in wires} < set(nodes)
    assert nodes["actfusion-in"]["broker"] in nodes


def objects(text: str) -> list[dict]:
    """JSON objects that stand one after the other."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def test_the_figures_are_those_of_the_bundled_model() -> None:
    checkpoint = load_checkpoint(None)
    spec, model = checkpoint.extractor_spec, checkpoint.model_config
    assert spec is not None
    height, width = spec.crop
    flow, time, network = ((DOCS / f"{name}.svg").read_text() for name in ("flow", "time", "model"))
    for said in (
        f"{spec.rate:g} pictures a second", f"{spec.window} pictures,", f"a new one every {spec.stride}",
        f"({spec.window}, {height}, {width}) pixels", f"to {model.feature_dim} numbers",
        f"({model.feature_dim}, N)", f"every {spec.period:.2f} s",
        f"{FUTURES} futures", f"{model.sampling_steps} denoising steps",
    ):  # fmt: skip
        assert said in flow
    assert f"windows of {spec.window}" in time
    assert f"ends {spec.ahead} pictures," in time
    assert f"{spec.lookahead:.2f} s, after" in time
    layers = ", ".join(str(layer + 1) for layer in model.conditioning_layers[:-1])
    assert f"what layers {layers} and {model.conditioning_layers[-1] + 1}" in network
    assert f"{model.encoder_layers} dilated layers: {model.encoder_kernel} steps" in network
    assert f"1 to {2 ** (model.encoder_layers - 1)} apart" in network
    assert f"{model.decoder_layers} layers; asked {model.sampling_steps} times" in network
    assert f"{FUTURES} samples" in network


def test_the_figure_of_the_masks_is_what_they_do() -> None:
    script = runpy.run_path(str(DOCS / "draw_figures.py"))
    drawn = script["draw_masks"](Kitchen(script["SEED"], script["SECONDS"]))
    assert drawn == (DOCS / "masks.svg").read_text()
