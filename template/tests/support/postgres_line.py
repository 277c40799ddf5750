"""Faults between the service and PostgreSQL."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from tests.support.waiting import NEVER, eventually


class Line:
    """The wire between the service and its database, to cut or to silence."""

    def __init__(self, host: str, far_port: int, port: int) -> None:
        self._far_end = (host, far_port)
        self._flowing = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = port
        self.held = 0
        """Number of connections whose data the silence holds back."""

    async def open(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)

    def silence(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def cut(self) -> None:
        """Close every connection and reject new ones."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._far_end)
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                self.held += 1
                await self._flowing.wait()
                self.held -= 1
                writer.write(data)
                await writer.drain()
        writer.close()


class Limits:
    """Time limits of the service that pass only when the test decides."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = asyncio.get_running_loop()
        self._call_at = self._loop.call_at
        self._timers: list[tuple[asyncio.TimerHandle, Callable[[], object]]] = []
        monkeypatch.setattr(self._loop, "call_at", self._note)

    async def pass_for(self, *requests: asyncio.Future[Any]) -> None:
        """One limit may pass after the other; a request that has none left hangs."""

        async def are_answered() -> bool:
            while self._timers:
                timer, callback = self._timers.pop(0)
                if not timer.cancelled():
                    timer.cancel()
                    callback()
                    return False
            return all(request.done() for request in requests)

        await eventually(are_answered)

    def _note(
        self, when: float, callback: Callable[..., object], *args: Any, **context: Any
    ) -> asyncio.TimerHandle:
        timer = self._call_at(when, callback, *args, **context)
        if when - self._loop.time() > NEVER / 2:
            self._timers.append((timer, partial(callback, *args)))
        return timer
