"""What shows a running stream to a person, and that it may fail without ending anything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

from actfusion_stream.views.plain import PlainView
from actfusion_stream.views.terminal import TerminalView
from actfusion_stream.views.wording import printable

if TYPE_CHECKING:
    from actfusion_stream.engine.stats import Stats
    from actfusion_stream.engine.timeline import Tick
    from actfusion_stream.sources.frames import SourceInfo

_LONGEST_CAUSE = 200  # characters; of an error's message, which may be a page


class View(Protocol):
    """What shows a running stream: a context manager that is told of every frame."""

    @property
    def lost(self) -> str:
        """Why nothing is shown any more, in one line; empty as long as all is well."""

    def __enter__(self) -> View: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, tick: Tick | None, time: float) -> bool:
        """Take note of the last tick (None before the first) and of the last frame's time in seconds.

        Returns:
            Whether what the tick says has been put before people now.
        """


def open_view(
    display: str,
    info: SourceInfo,
    class_names: Sequence[str],
    stats: Stats,
    stdout_taken: bool = False,
    *,
    standing: bool = True,
    min_confidence: float = 0.0,
) -> View:
    """Choose how to show a stream.

    Args:
        display: "terminal", "none", or "auto": the terminal view on a terminal, plain lines otherwise,
            and always where TERM is dumb.
        info: the source.
        class_names: the classes in the order of the checkpoint.
        stats: counters of the stream, read at each refresh.
        stdout_taken: standard output carries data, so show everything on standard error, and plainly unless
            told otherwise.
        standing: the last view stays on the terminal.
        min_confidence: in [0, 1]; what is done now is not named where it is less sure.

    Returns:
        A view to enter and to update with each frame.
    """
    console = Console(stderr=stdout_taken, highlight=False)
    if display == "none":
        return SilentView()
    drawable = console.is_terminal and console.encoding.startswith("utf") and not stdout_taken
    # A dumb terminal, such as an editor's, cannot move its cursor, whatever was asked for.
    if (display == "terminal" or drawable) and not console.is_dumb_terminal:
        view = TerminalView(
            info, class_names, stats, console, standing=standing, min_confidence=min_confidence
        )
        return DetachableView(view)
    return DetachableView(PlainView(info, stats, console, min_confidence))


class SilentView:
    """Shows nothing."""

    lost = ""

    def __enter__(self) -> SilentView:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, tick: Tick | None, time: float) -> bool:
        return False


class DetachableView:
    """A view that may fail, as when the connection to its terminal ends: it is let go, and the rest goes on.

    Args:
        view: what to show as long as it works.

    Attributes:
        view: the same.
        lost: why it was let go, in one line; empty until then.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.lost = ""

    def __enter__(self) -> DetachableView:
        self._works(self.view.__enter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.lost:
            self._works(lambda: self.view.__exit__(kind, error, trace))

    def update(self, tick: Tick | None, time: float) -> bool:
        if self.lost:
            return False
        drawn: list[bool] = []
        if not self._works(lambda: drawn.append(self.view.update(tick, time))):
            # The stream may run for hours yet: what the view has taken, it gives back now.
            with suppress(Exception):
                self.view.__exit__(None, None, None)
        return any(drawn)

    def _works(self, show: Callable[[], object]) -> bool:
        try:
            show()
        except BrokenPipeError:
            raise  # of a program that reads our output: nobody wants any more of it
        except Exception as error:
            self.lost = _cause(error)
            return False
        return True


def _cause(error: Exception) -> str:
    """What became of a view, in one printable line."""
    if isinstance(error, OSError):
        return "the terminal went away"
    try:
        message = " ".join(str(error).split())
    except Exception:  # an error that cannot even be told
        message = ""
    cause = f"the view failed: {type(error).__name__}" + (f": {message}" if message else "")
    if len(cause) > _LONGEST_CAUSE:
        cause = cause[: _LONGEST_CAUSE - 3] + "..."
    return printable(cause)
