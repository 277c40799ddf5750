"""Rooms in separate processes, started by `serve` on the database of a service in this one."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from httpx import AsyncClient

from app.server import options
from tests.support.processes import KEY, Forked, run_command, serving
from tests.support.service import Service
from tests.support.waiting import PATIENCE, eventually
from tests.support.websocket_room import Room, make_room
from tests.support.websocket_server import unhurried


@dataclass
class Serving:
    process: Forked
    client: AsyncClient

    @property
    def address(self) -> str:
        return self.client.base_url.netloc.decode()

    async def ended(self) -> str:
        """Wait for its end and return its output."""
        return (await self.process.communicate())[0].decode()

    async def call(self, method: str, path: str, token: str, **body: object) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.client.request(method, path, json=body or None, headers=headers)
        return answer.status_code

    async def becomes(self, status: int) -> None:
        """Return once `/health/ready` answers with the status."""

        async def is_there() -> bool:
            return (await self.client.get("/health/ready")).status_code == status

        await eventually(is_there)


def run_unhurried(*arguments: str) -> None:
    """Run a command whose time limits no slow machine exceeds."""
    options.GRACE_SECONDS = int(PATIENCE)
    with unhurried():
        run_command(*arguments)


@asynccontextmanager
async def serve(
    service: Service, run: Callable[..., None] = run_unhurried, /, **environment: str
) -> AsyncGenerator[Serving]:
    usual = {
        "DATABASE_URL": service.settings.DATABASE_URL,
        "ENVIRONMENT": "development",
        "SECRET_KEY": KEY,
    }
    async with serving(run, **usual | environment) as (process, client):
        yield Serving(process, client)


@asynccontextmanager
async def serve_twice(
    service: Service, run: Callable[..., None] = run_unhurried, /, **environment: str
) -> AsyncGenerator[tuple[Serving, Serving]]:
    """Start two processes at the same time."""
    async with AsyncExitStack() as stack:
        one, two = await asyncio.gather(
            *(stack.enter_async_context(serve(service, run, **environment)) for _ in range(2))
        )
        yield one, two


async def make_room_on_both(service: Service, one: Serving, two: Serving) -> tuple[Room, Room]:
    """Return the same room, as each process serves it."""
    room = await make_room(service, one.address)
    return room, replace(room, address=two.address)
