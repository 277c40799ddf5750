"""The load on a room: many WebSocket connections, each of which receives every message.

Use at least 100 connections: each may send 20 messages a second before the service drops them.

The frames are read and written here, because a library costs more than the server it measures.
"""

import asyncio
import resource
import time
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.processes import cpu_seconds, listeners

TEXT, PING, PONG = 1, 9, 10
IN_FLIGHT = 32
"""Messages that not every connection has received yet; the service gives up on slow clients."""
AT_A_TIME = 20
"""Handshakes in progress."""
MARK = b"benchmark"
MESSAGE = b'{"type": "message", "text": "benchmark %d"}'


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a short frame of a client; its mask of zeros leaves the payload as it is."""
    return bytes((0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0)) + payload


class Room:
    """Count deliveries, and send the next message when an earlier one has reached everyone."""

    def __init__(self, sockets: int) -> None:
        self.size = sockets
        self.members: list[Member] = []
        self.sent = self.delivered = 0
        self.due = 0
        """The deliveries after which to send the next message."""
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self) -> None:
        member = self.members[self.sent % self.size]
        member.transport.write(frame(TEXT, MESSAGE % self.sent))
        self.sent += 1
        self.due = max(0, self.sent - IN_FLIGHT + 1) * self.size

    def deliver(self) -> None:
        self.delivered += 1
        if self.delivered == self.due:
            self.send()


class Member(asyncio.Protocol):
    def __init__(self, room: Room) -> None:
        self.room = room
        self.buffer = b""
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self.room.failed.done():
            self.room.failed.set_exception(ConnectionError(f"Connection lost: {self.buffer!r}"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.joined.done():
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if found and b" 101 " not in head[:13]:
                self.joined.set_exception(ConnectionError(self.buffer[:600].decode()))
            if not found or self.joined.done():
                return
            self.joined.set_result(None)
            self.buffer = rest
        position = 0
        while (end := self._read_frame(position)) > position:
            position = end
        self.buffer = self.buffer[position:]

    def _read_frame(self, start: int) -> int:
        """Return the end of the frame that begins at `start`; `start` if it is incomplete."""
        buffer = self.buffer
        if len(buffer) < start + 4:
            return start
        length, begin = buffer[start + 1], start + 2
        if length == 126:
            length, begin = int.from_bytes(buffer[start + 2 : start + 4]), start + 4
        end = begin + length
        if len(buffer) < end:
            return start
        opcode = buffer[start] & 15
        if opcode == TEXT and MARK in buffer[begin:end]:
            self.room.deliver()
        elif opcode == PING:
            self.transport.write(frame(PONG, buffer[begin:end]))
        return end


async def measure(seconds: float, url: str, path: str, token: str, sockets: int) -> dict[str, Any]:
    """Join the room with all sockets, then keep messages in flight for some seconds."""
    allow_open_files()
    room = Room(sockets)
    for number in range(0, sockets, AT_A_TIME):
        joining = [_join(room, url, path, token) for _ in range(min(AT_A_TIME, sockets - number))]
        room.members += await asyncio.gather(*joining)
    servers = listeners(urlsplit(url).port or 80)
    for _ in range(IN_FLIGHT):
        room.send()
    first, used, began = room.delivered, cpu_seconds(servers), time.perf_counter()
    await asyncio.wait([room.failed], timeout=seconds)
    used, lasted = cpu_seconds(servers) - used, time.perf_counter() - began
    if room.failed.done():
        room.failed.result()
    room.failed.cancel()
    deliveries = max(1, room.delivered - first)
    for member in room.members:
        member.transport.abort()
    return {"deliveries/s": deliveries / lasted, "CPU µs": used / deliveries * 1e6}


async def _join(room: Room, url: str, path: str, token: str) -> Member:
    to = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, member = await loop.create_connection(lambda: Member(room), to.hostname or "", to.port or 80)
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {to.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Sec-WebSocket-Protocol: bearer, {token}",
    )
    member.transport.write("\r\n".join((*lines, "", "")).encode())
    await member.joined
    return member


def allow_open_files() -> None:
    """Raise this process's limit, which its children inherit, as far as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
