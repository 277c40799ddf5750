"""HTTP byte by byte, for requests that no ordinary client can send."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from httpx import AsyncClient

from tests.support.waiting import eventually


@asynccontextmanager
async def connect(client: AsyncClient) -> AsyncGenerator["Connection"]:
    """Connect to the server that the client calls."""
    url = client.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


async def refused(client: AsyncClient) -> None:
    """Return once the server accepts no more connections."""

    async def is_refused() -> bool:
        try:
            async with connect(client):
                return False
        except ConnectionRefusedError:
            return True

    await eventually(is_refused)


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def send_head(self, method: str, path: str, length: int, **headers: str) -> None:
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def status(self) -> int:
        """Read the head of the next response and return its status."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    async def rest(self) -> bytes:
        """Read until the server closes the connection."""
        return await self.reader.read()

    async def problem(self) -> dict[str, Any]:
        """Read the response, after which the server must close the connection."""
        head, _, body = (await self.rest()).partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head
        problem: dict[str, Any] = json.loads(body)
        assert int(head.split()[1]) == problem["status"]
        return problem
