"""The benchmark's own client, processes and comparison; `python -m tests.benchmarks` runs it."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import client
from tests.benchmarks.candidates import BARE, ME
from tests.benchmarks.client import UnexpectedError
from tests.benchmarks.processes import cpu_seconds, listeners, megabytes
from tests.benchmarks.results import Results, compare
from tests.benchmarks.rooms import MARK, PING, TEXT, Member, Room

BODY = b'{"token": "abc"}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
SEQUENCE = {
    "before": {"path": "/first"},
    "path": "/next",
    "method": "POST",
    "body": {"token": "{token}", "name": "Project {n}"},
    "follows": True,
}


async def drive(route: dict[str, Any]) -> tuple[list[bytes], list[dict[str, Any]]]:
    """Send requests to a server on this loop; return what it received, and the results."""
    received: list[bytes] = []
    handlers = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        while not reader.at_eof():
            received.append(await reader.read(65_536))
            writer.write(RESPONSE if received[-1] else b"")
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert listeners(port) == [os.getpid()]
        load = {"url": f"http://127.0.0.1:{port}", "route": route, "connections": 1}
        try:
            return received, await client.measure(0, [load])
        finally:
            await asyncio.gather(*filter(None, handlers))


def test_request_uses_the_last_response_and_a_unique_number() -> None:
    received, (result,) = asyncio.run(drive(SEQUENCE))
    first, *others = filter(None, received)
    assert first.startswith(b"GET /first HTTP/1.1\r\n")
    assert all(b'"token": "abc"' in each for each in others)
    assert len(set(others)) == len(others) > 1
    assert {"CPU µs", "requests/s", "p50 ms", "p99 ms"} == result.keys()


def test_unexpected_status_fails() -> None:
    with pytest.raises(UnexpectedError, match="1 200"):
        asyncio.run(drive({"path": "/", "status": 404}))


def test_missing_value_fails() -> None:
    with pytest.raises(UnexpectedError, match="cursor"):
        asyncio.run(drive({"path": "/?cursor={cursor}"}))


def test_own_process_has_cpu_time_and_memory() -> None:
    assert cpu_seconds([os.getpid()]) > 0
    assert megabytes([os.getpid()]) > 1


class Sent(asyncio.Transport):
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: Any) -> None:
        self.data += data


async def receive(frames: bytes, size: int) -> tuple[Room, bytes]:
    """Hand the bytes to a member of a room in pieces; return what it sent."""
    room, transport = Room(1), Sent()
    member = Member(room)
    member.connection_made(transport)
    for start in range(0, len(frames), size):
        member.data_received(frames[start : start + size])
    assert member.joined.done()
    return room, transport.data


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_room_counts_messages_however_they_arrive(size: int) -> None:
    long = MARK * 20
    frames = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    frames += bytes((0x80 | TEXT, len(MARK))) + MARK
    frames += bytes((0x80 | TEXT, 126)) + len(long).to_bytes(2) + long
    frames += bytes((0x80 | TEXT, 5)) + b"other" + bytes((0x80 | PING, 4)) + b"ping"
    room, sent = asyncio.run(receive(frames, size))
    assert room.delivered == 2
    assert sent.endswith(b"ping")


def results(bare: float, ours: float, rate: float) -> Results:
    results = Results({"commit": "one"})
    results.cell(ME, BARE).add({"CPU µs": bare})
    for sample in (ours, 2 * ours):
        results.cell(ME, "ours").add({"CPU µs": sample, "p50 ms": 1})
    results.cell("room", "ours").add({"deliveries/s": rate})
    return results


def marks(text: str) -> dict[tuple[str, str], str]:
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()[2:]]
    return {(row[1], row[2]): row[6] for row in rows}


def test_comparison_marks_changes_over_five_percent() -> None:
    """Compare CPU time in units: the second machine is twice as slow."""
    found = marks(compare(results(100, 1000, 50), results(200, 2080, 40)))
    assert found == {(ME, BARE): "worse", (ME, "ours"): "", ("room", "ours"): "worse"}
    assert marks(compare(results(100, 1000, 50), results(100, 900, 60)))[ME, "ours"] == "better"


def test_results_survive_a_file(tmp_path: Path) -> None:
    written = results(100, 1000, 50)
    written.cell("refresh", "ours").error = "401"
    written.write(tmp_path / "result.json")
    assert Results.read(tmp_path / "result.json") == written
    assert "10.00" in written.table()
    assert "401" in written.table()
