"""Shows a running stream line after line: for logs, and where nothing can be drawn in place."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console

from actfusion_stream.views.moment import UNFAMILIAR, moment_of
from actfusion_stream.views.wording import NOT_SURE, clock, percent, picture, printable, spoken

if TYPE_CHECKING:
    from actfusion_stream.engine.stats import Stats
    from actfusion_stream.engine.timeline import Tick
    from actfusion_stream.sources.frames import SourceInfo

_PROGRESS_SECONDS = 30.0  # of the source, between two lines of progress


class PlainView:
    """Prints a line when the action changes, or how familiar it is, and one for every half minute, for logs.

    Args:
        info: the source.
        stats: counters of the stream.
        console: where to print; standard output if None.
        min_confidence: in [0, 1]; what is done now is not named where it is less sure.
    """

    lost = ""

    def __init__(
        self, info: SourceInfo, stats: Stats, console: Console | None = None, min_confidence: float = 0.0
    ) -> None:
        self._min_confidence = min_confidence
        self._info, self._stats = info, stats
        self._file = console.file if console else sys.stdout
        self._label: str | None = None  # that was printed last; "" for none that is sure
        self._unfamiliar = False
        self._next_progress = _PROGRESS_SECONDS

    def __enter__(self) -> PlainView:
        self._print(f"{self._info.name}: {picture(self._info)}")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, tick: Tick | None, time: float) -> bool:
        """Print what has changed, if anything.

        Returns:
            Whether a line says what the tick says.
        """
        news = False
        if tick is not None and tick.unfamiliar != self._unfamiliar:
            self._unfamiliar, news = tick.unfamiliar, True
            self._print(f"{clock(time)}  {UNFAMILIAR if tick.unfamiliar else 'familiar again'}")
        moment = None if tick is None else moment_of(tick, time)
        if moment is not None and (label := moment.named(self._min_confidence)) != self._label:
            self._label, news = label, True
            line = f"{clock(time)}  {spoken(label or NOT_SURE)}"
            if label:
                line += f", {percent(moment.now.confidence)} sure"
            if moment.coming:
                line += f"; next {spoken(moment.coming[0].label)} {moment.next_in}"
            self._print(line)
        if time >= self._next_progress:
            self._next_progress = (time // _PROGRESS_SECONDS + 1) * _PROGRESS_SECONDS
            of = f" of {clock(self._info.duration)}" if self._info.duration else ""
            speed = f"{self._stats.speed:.1f}x real time"
            self._print(f"{clock(time)}{of}  {speed}, {self._stats.dropped} frames dropped")
        return news

    def _print(self, line: str) -> None:
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        print(printable(line, encoding), file=self._file, flush=True)
