"""How long a connection may say nothing, or take nothing, and how many there may be."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

_ASK_SECONDS = 10.0  # from the connection to its first request
_STALL_SECONDS = 15.0  # without taking anything of what was sent
_MOST = 128  # connections: a viewer has two or three
_BEHIND = 1 << 16  # bytes that wait here for a viewer, beside what the system holds


class ViewerProtocol(H11Protocol):
    """uvicorn's protocol, with an end for those who hold on to a connection and do nothing."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_BEHIND)  # of TLS eight times that otherwise
        if len(self.connections) > _MOST:
            transport.abort()
            return
        self.loop.call_later(_ASK_SECONDS, self._check_asked)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deadline = self.loop.call_later(_STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server stops: who takes nothing is not waited for."""
        if self.flow.write_paused:
            self.transport.abort()
        else:
            super().shutdown()

    def _check_asked(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.abort()
