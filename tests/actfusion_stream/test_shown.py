"""What is shown of an address is known to be harmless; what is shown of a name is one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sample_videos import make_video, ramp
from secret_addresses import FORMS, SECRET

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.shown import is_address, printable, redacted


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://10.0.0.7/kitchen", "rtsp://10.0.0.7/kitchen"),
        ("rtsp://cook:pass@10.0.0.7:8554/kitchen?token=1", "rtsp://10.0.0.7:8554/kitchen"),
        ("http://cam.local/a.mp4?x=1#y", "http://cam.local/a.mp4"),
        ("http://cam.local", "http://cam.local"),
        ("http://cam.local/", "http://cam.local"),
        ("https://küche.local/live_1", "https://küche.local/live_1"),
        ("rtmp://host/live2/key", "rtmp://host/live2"),
        ("rtsp://host:554/Streaming/Channels/101", "rtsp://host:554/Streaming"),
        ("rtsp://[fe80::1%eth0]:554/kitchen", "rtsp://[fe80::1%eth0]:554/kitchen"),
        ("RTSP://host/kitchen", "RTSP://host/kitchen"),
        ("rtsp://host/user=admin&password=a", "rtsp://host/…"),
        ("http://host/0123456789abcdef0123456789abcdef/a.m3u8", "http://host/…"),
        ("rtsp://a:b/c@host/kitchen", "rtsp://…"),
        ("rtsp://host/kitchen?to=a@b.c", "rtsp://…"),
        ("rtsp:cook:pass@host", "rtsp:…"),
        ("cook:pass@host", "…"),
        ("tcp://127.0.0.1:9?listen=1", "tcp://127.0.0.1:9"),
    ],
)
def test_scheme_host_port_and_the_first_word_of_the_path(address: str, shown: str) -> None:
    assert redacted(address) == shown


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_is_shown(form: str) -> None:
    address = form.replace("HERE", "127.0.0.1:554")
    assert SECRET in address
    shown = redacted(address)
    assert SECRET not in shown
    assert "admin" not in shown.replace("/admin", "")  # as a word of the path it is no user
    assert shown.isprintable()


@pytest.mark.parametrize("form", FORMS)
def test_whatever_may_hold_a_secret_counts_as_an_address(form: str) -> None:
    assert is_address(form.replace("HERE", "127.0.0.1:554"))


@pytest.mark.parametrize(
    "name",
    ["kitchen.mp4", "cam1:front.mp4", "a:b.mp4", "50%.mp4", "a?b#c.mp4", "-", "me@home.mp4", "c:\\a.mp4"],
)
def test_a_name_is_no_address(name: str) -> None:
    assert not is_address(name)
    assert not is_address(Path(name))


@pytest.mark.parametrize("name", ["rtp:front.mp4", "12:30@kitchen.mp4", "http:"])
def test_a_file_is_a_file_whatever_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_address(name)
    Path(name).touch()
    assert not is_address(name)


ODD = "a\x1b]0;owned\x07\r\n\u202egpj\udcff.mp4"


def test_errors_are_one_line_that_no_terminal_obeys() -> None:
    assert str(StreamError(f"{ODD}: no such file")) == "a?]0;owned????gpj?.mp4: no such file"
    assert printable(ODD) == "a?]0;owned????gpj?.mp4"


def test_so_are_complaints_about_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    parser = OneLineParser(prog="p")
    parser.add_argument("--number", type=int)
    with pytest.raises(SystemExit):
        parser.parse_args([ODD])
    assert capsys.readouterr().err == "p: unrecognized arguments: a?]0;owned????gpj?.mp4 (--help says more)\n"


@pytest.mark.parametrize("form", [form for form in FORMS if not form.startswith(" ")])
@pytest.mark.parametrize("before", [[], ["--number"], ["--number="]])
def test_an_address_at_the_wrong_place_stays_a_secret(
    form: str, before: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = OneLineParser(prog="p")
    parser.add_argument("--number", type=int)
    joined = bool(before) and before[0].endswith("=")
    with pytest.raises(SystemExit):
        parser.parse_args([before[0] + form] if joined else [*before, form])
    said = capsys.readouterr().err
    assert SECRET not in said
    assert said.count("\n") == 1


def test_no_output_obeys_the_name_of_a_file(run, tiny_video: Path, tmp_path: Path) -> None:
    """As it is shown, damaged, not there, and as what is written."""
    odd = "a\x1b]0;owned\x07\u202e"
    whole, damaged = tmp_path / f"{odd}.mp4", tmp_path / f"{odd}2.ts"
    shutil.copy(tiny_video, whole)
    content = make_video(tmp_path / "b.ts", times=ramp(60)).read_bytes()
    damaged.write_bytes(content[: len(content) // 2] + bytes(3000) + content[len(content) // 2 + 3000 :])
    seen = []
    for video, *options in (
        (whole, "--output", tmp_path / f"{odd}out.mp4", "--segments", tmp_path / f"{odd}s.csv"),
        (damaged,),
        (tmp_path / f"{odd}gone.mp4",),
        (whole, "--segments", tmp_path / odd / "s.csv"),
        (whole, "--checkpoint", tmp_path / f"{odd}.safetensors"),
    ):
        status, out, err = run(*options, video=video)
        assert not [line for line in (out + err).splitlines() if not line.isprintable()]
        assert "a?]0;owned??" in out + err
        seen.append(status)
    assert seen == [0, 0, 1, 1, 1]
