"""Which view is chosen, and that one which fails is let go with its cause, and ends nothing else."""

import errno
import io
import os
import sys
import time
from contextlib import suppress

import pytest
from rich.console import Console
from sample_moment import CLASSES, FILE, TICK, console, stats, written

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.views.plain import PlainView
from actfusion_stream.views.terminal import TerminalView
from actfusion_stream.views.view import DetachableView, SilentView, open_view


def test_the_display_is_chosen_by_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = stats()

    def chosen(display: str, stdout_taken: bool = False) -> type:
        view = open_view(display, FILE, CLASSES, counted, stdout_taken=stdout_taken)
        return type(view.view if isinstance(view, DetachableView) else view)

    assert chosen("auto") is PlainView  # pytest's stdout is no terminal
    assert chosen("none") is SilentView
    assert chosen("terminal") is TerminalView
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes any output for a terminal
    assert chosen("auto") is TerminalView
    assert chosen("auto", stdout_taken=True) is PlainView
    monkeypatch.setenv("TERM", "dumb")
    assert chosen("auto") is chosen("terminal") is PlainView


def test_data_on_standard_output_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with open_view("auto", FILE, CLASSES, stats(), stdout_taken=True) as shown:
        shown.update(TICK, 41.0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cut tomato" in captured.err


def test_the_silent_view_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with open_view("none", FILE, CLASSES, stats()) as shown:
        shown.update(TICK, 41.0)
    assert capsys.readouterr() == ("", "")


class Failing(SilentView):
    """Raises `error` from the method named `where`, and counts what it is asked for."""

    def __init__(self, error: BaseException, where: str = "update") -> None:
        self.error, self.where = error, where
        self.asked: list[str] = []

    def _asked(self, what: str) -> None:
        self.asked.append(what)
        if what == self.where:
            raise self.error

    def __enter__(self) -> SilentView:
        self._asked("enter")
        return self

    def __exit__(self, *_: object) -> None:
        self._asked("exit")

    def update(self, tick: Tick | None, time: float) -> None:
        self._asked("update")


@pytest.mark.parametrize(
    ("where", "asked"),
    [
        ("enter", ["enter"]),
        (
            "update",
            ["enter", "update", "exit"],
        ),  # to give back what it has taken
        ("exit", ["enter", "update", "update", "exit"]),
    ],
)
@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (OSError(errno.EIO, "Input/output error"), "the terminal went away"),
        (ValueError("not enough colours"), "the view failed: ValueError: not enough colours"),
        (AssertionError(), "the view failed: AssertionError"),
    ],
)
def test_a_view_that_fails_is_let_go_and_says_why(
    where: str, asked: list[str], error: Exception, lost: str
) -> None:
    failing = Failing(error, where)
    with DetachableView(failing) as shown:
        for _ in range(2):
            shown.update(None, 0.0)
    assert shown.lost == lost
    assert failing.asked == asked


def test_a_view_that_cannot_even_end_is_let_go() -> None:
    class Broken(Failing):
        def __exit__(self, *_: object) -> None:
            raise RuntimeError("neither this")

    with DetachableView(Broken(KeyError("label"))) as shown:
        shown.update(None, 0.0)
        shown.update(None, 1.0)
    assert shown.lost == "the view failed: KeyError: 'label'"


def test_the_cause_is_one_short_printable_line() -> None:
    class Untold(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def cause(error: Exception) -> str:
        with DetachableView(Failing(error)) as shown:
            shown.update(None, 0.0)
        return shown.lost

    assert cause(ValueError("two\nlines \x1b[2J \udce4")) == "the view failed: ValueError: two lines ?[2J ?"
    assert cause(ValueError("word " * 1000)) == "the view failed: ValueError: " + ("word " * 40)[:168] + "..."
    assert cause(Untold()) == "the view failed: Untold"


@pytest.mark.parametrize("error", [BrokenPipeError(), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["enter", "update", "exit"])
def test_what_is_meant_for_the_whole_program_passes(error: BaseException, where: str) -> None:
    shown = DetachableView(Failing(error, where))
    with pytest.raises(type(error)), shown:
        shown.update(None, 0.0)
    assert shown.lost == ""


def test_a_view_that_works_is_not_lost() -> None:
    with (
        open_view("none", FILE, CLASSES, stats()) as silent,
        open_view("auto", FILE, CLASSES, stats()) as shown,
    ):
        shown.update(TICK, 41.0)
    assert silent.lost == shown.lost == ""


def test_an_error_elsewhere_passes_and_is_not_the_view_s() -> None:
    shown = DetachableView(Failing(ValueError(), where="never"))
    with pytest.raises(RuntimeError, match="the stream broke"), shown:
        raise RuntimeError("the stream broke")
    assert shown.lost == ""


# -- the terminal view, on terminals that fail

SHOW_CURSOR = "\x1b[?25h"
FRESH = 0.15  # seconds in which the view does not draw again


def test_a_terminal_is_usable_after_a_view_that_failed() -> None:
    to, out, err = console(), sys.stdout, sys.stderr
    view = DetachableView(TerminalView(FILE, CLASSES, stats(), to))
    with view:
        assert sys.stdout is not out, "what others print goes above the view"
        time.sleep(FRESH)
        view.update("no tick", 41.0)  # type: ignore[arg-type]
        assert view.lost == "the view failed: AttributeError: 'str' object has no attribute 'at'"
        assert (sys.stdout, sys.stderr) == (out, err)
        assert SHOW_CURSOR in written(to)
        end = written(to)
        view.update(TICK, 42.0)
    assert written(to) == end, "it is left alone from then on"


@pytest.mark.parametrize(("label", "encoding"), [("cut_tomato", "ascii"), ("\udce4", "utf-8")])
def test_a_terminal_that_cannot_show_the_letters_gets_its_cursor_back(label: str, encoding: str) -> None:
    raw = io.BytesIO()
    to = Console(file=io.TextIOWrapper(raw, encoding), width=80, height=24, force_terminal=True)
    out = sys.stdout
    with DetachableView(TerminalView(FILE, CLASSES, stats(), to)) as view:
        view.update(Tick(5.0, 5.0, (Segment(label, 0.0, 5.0, 1.0),), ()), 5.0)
    assert sys.stdout is out
    assert view.lost.startswith("the view failed: UnicodeEncodeError: ")
    assert raw.getvalue().decode().endswith(SHOW_CURSOR + "\n")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_that_goes_away_is_noticed() -> None:
    reader, writer = os.openpty()
    out = sys.stdout
    with suppress(OSError), open(writer, "w", encoding="utf-8") as terminal:  # closing writes what is left
        to = Console(file=terminal, width=80, height=24)
        assert to.is_terminal
        with DetachableView(TerminalView(FILE, CLASSES, stats(), to)) as view:
            assert sys.stdout is not out
            os.close(reader)
            for second in (41.0, 42.0):
                time.sleep(FRESH)
                view.update(TICK, second)
        assert view.lost == "the terminal went away"
        assert sys.stdout is out
