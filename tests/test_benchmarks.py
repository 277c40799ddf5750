"""The benchmark's own client and comparison; `python -m tests.benchmarks` runs it."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.benchmarks import load
from tests.benchmarks.load import CPU, Load, Route, Sample, UnexpectedError
from tests.benchmarks.results import BARE, ME, Results, compare
from tests.benchmarks.rooms import MARK, Room

BODY = b'{"token": "abc"}'
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
POST = {"path": "/next", "method": "POST", "before": {"path": "/first"}, "follows": True}


async def drive(route: Route) -> tuple[list[bytes], Sample]:
    """Send requests to a server on this loop; return what it received, and the measures."""
    received: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            received.append(data)
            writer.write(RESPONSE)
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert load.listeners(url) == [os.getpid()]
        return received, await load.drive(0, Load(url, route, 1))


BODIES = [
    ({"body": {"token": "{token}", "name": "{n}"}}, "json", b'{"token": "abc", "name": "'),
    (
        {"form": {"token": "{token}", "name": "&{n}"}},
        "x-www-form-urlencoded",
        b"token=abc&name=%26",
    ),
    ({"body": "{token} {n}", "headers": {"Content-Type": "application/text"}}, "text", b"abc "),
]


@pytest.mark.parametrize(("body", "kind", "expected"), BODIES)
def test_request_uses_the_last_response_and_a_unique_number(
    body: Route, kind: str, expected: bytes
) -> None:
    received, sample = asyncio.run(drive(POST | body))
    first, *others = received
    assert first.startswith(b"GET /first HTTP/1.1\r\n")
    assert len(set(others)) == len(others) > 1
    for each in others:
        head, _, content = each.partition(b"\r\n\r\n")
        assert content.startswith(expected)
        assert f"Content-Type: application/{kind}\r\n".encode() in head
    assert set(sample) == {CPU, "requests/s", "p50 ms", "p99 ms"}


@pytest.mark.parametrize(
    ("route", "error"),
    [({"path": "/", "status": 404}, "1 200"), ({"path": "/?cursor={cursor}"}, "cursor")],
)
def test_unexpected_status_or_missing_value_fails(route: Route, error: str) -> None:
    with pytest.raises(UnexpectedError, match=error):
        asyncio.run(drive(route))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_room_counts_messages_however_they_arrive(size: int) -> None:
    async def listen() -> int:
        room, reader = Room(1), asyncio.StreamReader()
        room.sent = 1000  # so that nothing is sent
        listening = asyncio.create_task(room.listen(reader))
        data = b"\x81\x0b" + MARK + b"\x81\x0ebench" + MARK
        for start in range(0, len(data), size):
            reader.feed_data(data[start : start + size])
            await asyncio.sleep(0)
        reader.feed_eof()
        await listening
        return room.delivered

    assert asyncio.run(listen()) == 2


def results(bare: float, ours: float, rate: float) -> Results:
    results = Results({"commit": "one"})
    results.cell(ME, BARE).add({CPU: bare})
    for sample in (ours, 2 * ours):
        results.cell(ME, "ours").add({CPU: sample, "p50 ms": 1})
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
    assert "| 10.00 | ≤ 3.5 units |" in written.table()
    assert "401" in written.table()
