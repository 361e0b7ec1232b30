"""What comes in files and arguments is data: whatever it says, the answer is a value or one line, in time."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from actfusion_stream import cli
from actfusion_stream.engine.settings import Horizon
from actfusion_stream.errors import StreamError
from actfusion_stream.sources.network import redacted
from actfusion_stream.tools import annotations, extract
from actfusion_stream.tools.data.annotation_files import read_annotations
from actfusion_stream.tools.data.mstcn import feature_times
from actfusion_stream.weights import cli as weights
from actfusion_stream.weights.cache import load_torch
from actfusion_stream.weights.checkpoint import load_checkpoint

BOUNDED = settings(
    max_examples=150,
    deadline=5000,  # milliseconds: no hang
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


def only_one_line(error: Exception) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 2000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


# Checkpoints


@BOUNDED
@given(content=st.binary(max_size=400))
def test_any_bytes_as_a_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.safetensors"
    path.write_bytes(content)
    with pytest.raises(StreamError) as error:
        load_checkpoint(path)
    only_one_line(error.value)


@BOUNDED
@given(length=st.integers(0, 2**64 - 1), header=JSON)
def test_any_header_as_a_checkpoint(tmp_path: Path, length: int, header: object) -> None:
    path = tmp_path / "c.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", length if length % 3 else len(text)) + text + bytes(64))
    with pytest.raises(StreamError) as error:
        load_checkpoint(path)
    only_one_line(error.value)


@BOUNDED
@given(data=st.data())
def test_a_checkpoint_with_anything_in_its_description(
    tmp_path: Path, tiny_checkpoint: Path, data: st.DataObject
) -> None:
    """Any one value of the description, at any depth, becomes another."""
    raw = tiny_checkpoint.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    with safe_open(str(tiny_checkpoint), framework="pt") as file:
        (key,) = file.metadata()
    description = json.loads(header["__metadata__"][key])
    place, inside = description, data.draw(st.sampled_from(sorted(description)))
    while isinstance(place[inside], (dict, list)) and place[inside] and data.draw(st.booleans()):
        place = place[inside]
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        inside = data.draw(st.sampled_from(list(keys)))
    place[inside] = data.draw(JSON)
    header["__metadata__"][key] = json.dumps(description)
    text = json.dumps(header).encode()
    path = tmp_path / "c.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])
    try:
        load_checkpoint(path)
    except StreamError as error:
        only_one_line(error)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@BOUNDED
@given(where=st.integers(0, 10**6), value=st.integers(0, 255))
def test_weights_with_a_changed_byte(tmp_path: Path, where: int, value: int) -> None:
    import torch

    path = tmp_path / "w.pt"
    torch.save({"w": torch.arange(4.0)}, path)
    content = bytearray(path.read_bytes())
    content[where % len(content)] = value
    path.write_bytes(content)
    with contextlib.suppress(StreamError):
        load_torch(path)


# Annotations

CELLS = st.text(alphabet=st.sampled_from("aä ,;\t\n\"'\0<&0123456789.-einfNaN"), max_size=12)


@BOUNDED
@given(rows=st.lists(st.lists(CELLS, max_size=5), max_size=6), header=st.booleans())
def test_any_table_as_annotations(tmp_path: Path, rows: list[list[str]], header: bool) -> None:
    path = tmp_path / "a.csv"
    lines = ["video,label,start,end"] if header else []
    path.write_text("\n".join([*lines, *(",".join(row) for row in rows)]))
    try:
        found = read_annotations(path, 15.0)
    except StreamError as error:
        only_one_line(error)
        return
    for segments in found.values():
        assert all(segment.start < segment.end for segment in segments)


@BOUNDED
@given(content=st.binary(max_size=300), ending=st.sampled_from([".csv", ".tsv", ".eaf", ".txt"]))
def test_any_bytes_as_annotations(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    try:
        read_annotations(path, 15.0)
    except StreamError as error:
        only_one_line(error)


ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="{units}"/><TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="{a}" TIME_VALUE="{start}"/><TIME_SLOT TIME_SLOT_ID="b" TIME_VALUE="{end}"/>
</TIME_ORDER>
<TIER TIER_ID="{tier}"><ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="a" TIME_SLOT_REF2="b">
<ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER></ANNOTATION_DOCUMENT>"""


@BOUNDED
@given(parts=st.fixed_dictionaries({name: CELLS for name in ("units", "a", "start", "end", "tier", "label")}))
def test_any_values_in_elan(tmp_path: Path, parts: dict[str, str]) -> None:
    path = tmp_path / "a.eaf"
    path.write_text(ELAN.format(**parts))
    try:
        read_annotations(path, 15.0)
    except StreamError as error:
        only_one_line(error)


def test_entities_that_multiply(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    path = tmp_path / "bomb.eaf"
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "ha">{levels}]><a>&e11;</a>')
    with pytest.raises(StreamError) as error:
        read_annotations(path, 15.0)
    only_one_line(error.value)


@BOUNDED
@given(about=JSON)
def test_any_description_of_features(tmp_path: Path, about: object) -> None:
    (tmp_path / "extractor.json").write_text(json.dumps(about))
    try:
        feature_times(tmp_path)
    except StreamError as error:
        only_one_line(error)


# Arguments

WORDS = st.one_of(
    st.sampled_from(
        ["--video", "--camera", "--horizon", "--tick", "--memory", "--output", "--events", "--display",
         "none",
         "-", "--metrics", "--extractor", "--flow", "--weights", "--max-staleness", "--reconnect", "1e999",
         "nan", "-1", "0.5", "20s", "gone.mp4", "http://", "://", "\ud800"]
    ),
    st.text(max_size=8),
)  # fmt: skip


@BOUNDED
@given(words=st.lists(WORDS, max_size=6))
def test_any_arguments(words: list[str]) -> None:
    for main in (cli.main, weights.main, annotations.main, extract.main):
        if "get" in words or any(word.startswith("-h") or word == "--help" for word in words):
            continue
        said = io.StringIO()
        quiet = contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO())
        with quiet[0], quiet[1], mock.patch("sys.stdin", None):
            try:
                status = main(words)
            except SystemExit as stopped:
                status = stopped.code if isinstance(stopped.code, int) else 1
        assert status in (0, 1, 2)
        assert "Traceback" not in said.getvalue()


@BOUNDED
@given(text=st.text(max_size=12))
def test_any_horizon(text: str) -> None:
    with contextlib.suppress(StreamError):
        Horizon.parse(text)


@BOUNDED
@given(user=st.text(alphabet="abc%:@/?#é", min_size=1, max_size=8), host=st.text(max_size=8))
def test_no_address_shows_its_password(user: str, host: str) -> None:
    secret = "S3CR3T"
    assert secret not in redacted(f"rtsp://{user}:{secret}@{host}/kitchen?key={secret}#{secret}")
