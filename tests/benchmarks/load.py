"""The load on a server: HTTP/1.1 connections that stay open, and the CPU time that it costs.

A route is a dictionary, so that it can be written in JSON (docs/developing.md). A small client of
our own, because a library would cost more than the server that it measures.
"""

import asyncio
import json
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.waiting import PATIENCE

CPU = "CPU µs"
Route = dict[str, Any]
Sample = dict[str, float]
numbers = count(1)


class UnexpectedError(Exception):
    """A response that the route does not expect, or none."""


@dataclass
class Load:
    url: str
    route: Route
    connections: int


def measure(seconds: float, first: str, *loads: Load) -> Sample:
    """Return the measures of the first load, and begin with this one."""
    sample = asyncio.run(asyncio.wait_for(drive(seconds, *loads), PATIENCE))
    return {first: sample[first]} | sample


async def drive(seconds: float, *loads: Load) -> Sample:
    """Drive all loads at the same time. The CPU time is of a request of any of them."""
    connections: list[Connection] = []
    try:
        for load in [each for each in loads for _ in range(each.connections)]:
            connections.append(await Connection.open(load))
        await asyncio.gather(*(each.send(each.load.route) for each in connections))
        servers = listeners(loads[0].url)
        used, began = cpu_seconds(servers), time.perf_counter()
        took = await asyncio.gather(*(each.repeat(began + seconds) for each in connections))
        used, lasted = cpu_seconds(servers) - used, time.perf_counter() - began
    finally:
        for each in connections:
            each.writer.close()
        await asyncio.gather(*(each.writer.wait_closed() for each in connections))
    first = [one for some in took[: loads[0].connections] for one in some]
    percentiles = quantiles(first, n=100) if len(first) > 1 else first * 99
    return {
        CPU: used / sum(map(len, took)) * 1e6,
        "requests/s": len(first) / lasted,
        "p50 ms": percentiles[49] * 1e3,
        "p99 ms": percentiles[98] * 1e3,
    }


@dataclass
class Connection:
    load: Load
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    values: dict[str, str] = field(default_factory=dict)
    """The texts in the last response, which the next request of the route may name."""

    @classmethod
    async def open(cls, load: Load) -> "Connection":
        """Connect, and send the request that has to precede those of the route."""
        to = urlsplit(load.url)
        connection = cls(load, *await asyncio.open_connection(to.hostname, to.port))
        if "before" in load.route:
            await connection.send(load.route["before"] | {"follows": True})
        return connection

    async def repeat(self, until: float) -> list[float]:
        """Send requests until that time, at least one, and return the seconds of each."""
        took = [await self.send(self.load.route)]
        while time.perf_counter() < until:
            took.append(await self.send(self.load.route))
        return took

    async def send(self, route: Route) -> float:
        request = self._request(route)
        began = time.perf_counter()
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        body = await self.reader.readexactly(int(length[1])) if length else b""
        seconds = time.perf_counter() - began
        if int(head[9:12]) != route.get("status", 200):
            raise UnexpectedError(f"{route['path']}: {head[:12].decode()}: {body.decode()[:300]}")
        if route.get("follows"):
            fields = json.loads(body)
            self.values |= {name: text for name, text in fields.items() if isinstance(text, str)}
        return seconds

    def _request(self, route: Route) -> bytes:
        body, headers = "", {"Host": urlsplit(self.load.url).netloc}
        if "form" in route:
            body = urlencode({name: self._filled(text) for name, text in route["form"].items()})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif "body" in route:
            given = route["body"]
            body = self._filled(given if isinstance(given, str) else json.dumps(given))
            headers["Content-Type"] = "application/json"
        headers |= route.get("headers", {}) | {"Content-Length": str(len(body.encode()))}
        first = f"{route.get('method', 'GET')} {self._filled(route['path'])} HTTP/1.1"
        lines = (first, *(f"{name}: {value}" for name, value in headers.items()), "", body)
        return "\r\n".join(lines).encode()

    def _filled(self, text: str) -> str:
        """Replace `{n}` by a unique number, and any other name by a value of the last response."""
        known = self.values | {"n": f"{os.getpid()}-{next(numbers)}"}
        try:
            return re.sub(r"\{(\w+)\}", lambda found: known[found[1]], text)
        except KeyError as error:
            raise UnexpectedError(f"no {error} in the response before {text}") from None


def listeners(url: str) -> list[int]:
    """Return the processes that listen on the URL's port: a server and its workers."""
    port = f":{urlsplit(url).port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    sockets = {
        f"socket:[{each[9]}]" for each in lines if each[1].endswith(port) and each[3] == "0A"
    }
    found = set()
    for path in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # closed, or of a process that has ended
            if str(path.readlink()) in sockets:
                found.add(int(path.parts[2]))
    return sorted(found)


def cpu_seconds(processes: list[int]) -> float:
    """Return the CPU time that they have used, with all their threads, to the nanosecond."""
    return sum(time.clock_gettime(~process << 3 | 2) for process in processes)  # posix-timers.h


def megabytes(processes: list[int]) -> float:
    """Return their resident memory."""
    pages = (int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in processes)
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20
