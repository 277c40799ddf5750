"""The load, in a process of its own: a small HTTP/1.1 client with connections that stay open.

Each line of the standard input is a slice to measure, in JSON; its result is a line of the output.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks import rooms
from tests.benchmarks.processes import cpu_seconds, listeners
from tests.waiting import PATIENCE

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PLACEHOLDER = re.compile(r"\{(\w+)\}")

Json = dict[str, Any]
numbers = count(1)


class UnexpectedError(Exception):
    """A response that the route does not expect, or none."""


@dataclass
class Connection:
    url: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    values: dict[str, str] = field(default_factory=dict)
    """The texts in the last response, which the next request of the route may name."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, route: Json) -> AsyncGenerator["Connection"]:
        """Connect, and send the request that has to precede those of the route."""
        to = urlsplit(url)
        connection = cls(url, *await asyncio.open_connection(to.hostname, to.port or 80))
        try:
            if "before" in route:
                await connection.send(route["before"] | {"follows": True})
            yield connection
        finally:
            connection.writer.close()
            await connection.writer.wait_closed()

    async def send(self, route: Json) -> float:
        """Send a request, check the status of its response and return its seconds."""
        request = self._request(route)
        began = time.perf_counter()
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await self.reader.readexactly(int(length[1])) if length else b""
        seconds = time.perf_counter() - began
        if int(head[9:12]) != route.get("status", 200):
            raise UnexpectedError(f"{route['path']}: {head[:12].decode()}: {body.decode()[:300]}")
        if route.get("follows"):
            fields = json.loads(body)
            self.values |= {name: text for name, text in fields.items() if isinstance(text, str)}
        return seconds

    async def repeat(self, route: Json, until: float) -> list[float]:
        """Send requests until that time, at least one."""
        took = [await self.send(route)]
        while time.perf_counter() < until:
            took.append(await self.send(route))
        return took

    def _request(self, route: Json) -> bytes:
        body = self._filled(json.dumps(route["body"])) if "body" in route else ""
        headers = {"Host": urlsplit(self.url).netloc, "Content-Length": str(len(body))}
        headers |= {"Content-Type": "application/json"} if body else {}
        lines = [
            f"{route.get('method', 'GET')} {self._filled(route['path'])} HTTP/1.1",
            *(f"{name}: {value}" for name, value in (headers | route.get("headers", {})).items()),
        ]
        return "\r\n".join((*lines, "", body)).encode()

    def _filled(self, text: str) -> str:
        """Replace `{n}` by a unique number, and any other name by a value of the last response."""
        known = self.values | {"n": f"{os.getpid()}-{next(numbers)}"}
        try:
            return PLACEHOLDER.sub(lambda found: known[found[1]], text)
        except KeyError as error:
            raise UnexpectedError(f"no {error} in the response before {text}") from None


async def measure(seconds: float, loads: list[Json]) -> list[Json]:
    """Drive all loads at the same time; the CPU time is that of the first one's server."""
    async with AsyncExitStack() as stack:
        connections = [
            (load, await stack.enter_async_context(Connection.opened(load["url"], load["route"])))
            for load in loads
            for _ in range(load["connections"])
        ]
        return await _drive(connections, seconds, loads)


async def _drive(
    connections: list[tuple[Json, Connection]], seconds: float, loads: list[Json]
) -> list[Json]:
    await asyncio.gather(*(each.send(load["route"]) for load, each in connections))
    servers = listeners(urlsplit(loads[0]["url"]).port or 80)
    used, began = cpu_seconds(servers), time.perf_counter()
    took = await asyncio.gather(
        *(each.repeat(load["route"], began + seconds) for load, each in connections)
    )
    used, lasted = cpu_seconds(servers) - used, time.perf_counter() - began
    cpu = used / sum(map(len, took))  # of a mixture, if there are several loads
    each_took = [(load, some) for (load, _), some in zip(connections, took, strict=True)]
    return [
        _result([one for of, some in each_took if of is load for one in some], lasted, cpu)
        for load in loads
    ]


def _result(took: list[float], lasted: float, cpu: float) -> Json:
    percentiles = quantiles(took, n=100) if len(took) > 1 else took * 99
    return {
        "CPU µs": cpu * 1e6,
        "requests/s": len(took) / lasted,
        "p50 ms": percentiles[49] * 1e3,
        "p99 ms": percentiles[98] * 1e3,
    }


def answer(asked: Json) -> Any:
    """Measure one slice, or report why it failed."""
    what = rooms.measure if "sockets" in asked else measure
    try:
        return asyncio.run(asyncio.wait_for(what(**asked), PATIENCE))
    except (EOFError, OSError, UnexpectedError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
