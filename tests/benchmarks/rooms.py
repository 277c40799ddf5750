"""The load on a room: many WebSocket connections, each of which receives every message.

Each may send 20 messages a second before the service drops them. Frames are read and written here,
because a library costs more than the server it measures. Nothing answers the server's pings, so a
slice must be shorter than its patience, 40 s.
"""

import asyncio
import time
from urllib.parse import urlsplit

from tests.benchmarks.load import CPU, Sample, UnexpectedError, cpu_seconds, listeners
from tests.waiting import PATIENCE

IN_FLIGHT = 32
"""Messages that not every connection has received yet; the service gives up on slow clients."""
AT_A_TIME = 20
"""Handshakes in progress."""
MARK = b"benchmark"
TEXT = b'{"type": "message", "text": "benchmark %d"}'
HANDSHAKE = """GET {to.path} HTTP/1.1\r
Host: {to.netloc}\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Protocol: bearer, {token}\r
\r
"""


class Room:
    """Count deliveries, and send the next message when an earlier one has reached everyone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.writers: list[asyncio.StreamWriter] = []
        self.listening: list[asyncio.Task[None]] = []
        self.sent = self.delivered = 0

    async def join(self, url: str, token: str) -> None:
        to = urlsplit(url)
        reader, writer = await asyncio.open_connection(to.hostname, to.port)
        self.writers.append(writer)
        writer.write(HANDSHAKE.format(to=to, token=token).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head[:13]:
            raise UnexpectedError(head.decode())
        self.listening.append(asyncio.create_task(self.listen(reader)))

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Count what arrives, until the service closes the connection."""
        rest = b""
        while data := await reader.read(65_536):
            rest += data
            if count := rest.count(MARK):
                self.deliver(count)
            rest = rest[1 - len(MARK) :]

    def deliver(self, count: int) -> None:
        self.delivered += count
        while self.delivered >= (self.sent - IN_FLIGHT + 1) * self.size:
            text = TEXT % self.sent
            # A short frame; its mask of zeros leaves the text as it is (RFC 6455).
            frame = bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text
            self.writers[self.sent % self.size].write(frame)
            self.sent += 1


def measure(seconds: float, url: str, token: str, sockets: int) -> Sample:
    return asyncio.run(asyncio.wait_for(_measure(seconds, url, token, sockets), PATIENCE))


async def _measure(seconds: float, url: str, token: str, sockets: int) -> Sample:
    """Join the room with all sockets, then keep messages in flight for some seconds."""
    room = Room(sockets)
    for joined in range(0, sockets, AT_A_TIME):
        some = range(joined, min(joined + AT_A_TIME, sockets))
        await asyncio.gather(*(room.join(url, token) for _ in some))
    servers = listeners(url)
    room.deliver(0)
    used, began = cpu_seconds(servers), time.perf_counter()
    closed, _ = await asyncio.wait(
        room.listening, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
    )
    used, lasted = cpu_seconds(servers) - used, time.perf_counter() - began
    for each in room.writers:
        each.transport.abort()
    if closed or not room.delivered:
        raise UnexpectedError(f"{len(closed)} closed after {room.delivered} deliveries")
    return {"deliveries/s": room.delivered / lasted, CPU: used / room.delivered * 1e6}
