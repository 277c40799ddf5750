"""Rooms in processes of their own, started by `serve` on the database of a service in this one."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from httpx import AsyncClient

from app.cli.declared import ROOT
from tests.command_line import KEY
from tests.service import Service
from tests.test_dev import running
from tests.websocket_room import Room, make_room
from tests.websocket_visitor import DEADLINE


@dataclass
class Serving:
    process: Process
    client: AsyncClient
    printed: asyncio.Task[bytes]
    """Read all the time: a process whose output nobody reads stops in the middle."""

    @property
    def address(self) -> str:
        return self.client.base_url.netloc.decode()

    async def ended(self) -> str:
        """What it has printed, once it has ended by itself."""
        async with asyncio.timeout(DEADLINE):
            await self.process.wait()
            return (await self.printed).decode()

    async def call(self, method: str, path: str, token: str, **body: object) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.client.request(method, path, json=body or None, headers=headers)
        return answer.status_code

    async def becomes(self, status: int) -> None:
        """Until `/health/ready` answers with it."""
        async with asyncio.timeout(DEADLINE):
            answered = 0
            while answered != status:
                answered = (await self.client.get("/health/ready")).status_code
                await asyncio.sleep(0.05)


@asynccontextmanager
async def serve(service: Service, **environment: str) -> AsyncGenerator[Serving]:
    usual = {
        "DATABASE_URL": service.settings.DATABASE_URL,
        "ENVIRONMENT": "development",
        "SECRET_KEY": KEY,
        "WORKERS": "1",
    }
    async with running(ROOT, "serve", **usual | environment) as (process, client):
        assert process.stdout
        printed = asyncio.create_task(process.stdout.read())
        yield Serving(process, client, printed)
    await printed


@asynccontextmanager
async def serve_twice(
    service: Service, **environment: str
) -> AsyncGenerator[tuple[Serving, Serving]]:
    """Two processes, started side by side."""
    async with AsyncExitStack() as stack:
        one, two = await asyncio.gather(
            *(stack.enter_async_context(serve(service, **environment)) for _ in range(2))
        )
        yield one, two


async def make_room_between(service: Service, one: Serving, two: Serving) -> tuple[Room, Room]:
    """The same room, as each process opens it."""
    room = await make_room(service, one.address)
    return room, replace(room, address=two.address)
