"""A project's room on a server, and the clients that join it."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient, Request, Response
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from app.core.roles import MemberRole
from app.models import Organization, Project, User
from tests.support.factories import make_member, make_organization, make_project, make_user
from tests.support.service import Service
from tests.support.waiting import PATIENCE, eventually, patience

Event = dict[str, Any]


@dataclass
class RoomClient:
    connection: ClientConnection
    ready: Event = field(default_factory=dict)

    async def send(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind} | fields))

    async def post(self, text: str) -> None:
        await self.send("message", text=text)

    async def event(self) -> Event:
        async with patience():
            event: Event = json.loads(await self.connection.recv())
        return event

    async def expect(self, kind: str) -> Event:
        """Return the next event, which must be of this kind; skip presence events."""
        event = await self.event()
        while event["type"].startswith("presence.") and event["type"] != kind:
            event = await self.event()
        assert event["type"] == kind, event
        return event

    async def receives(self, *texts: str) -> None:
        for text in texts:
            assert (await self.expect("message"))["text"] == text

    async def gets_error(self, code: str) -> Event:
        error = await self.expect("error")
        assert error["code"] == code, error
        return error

    async def post_until(self, answer: str) -> None:
        """Post until the next event has this type or, if it is an error, this code."""

        async def answered() -> bool:
            await self.post("may I?")
            event = await self.event()
            return bool(event.get("code", event["type"]) == answer)

        await eventually(answered)

    async def stays_open(self) -> None:
        await self.post("still here")
        await self.receives("still here")

    async def close_code(self) -> int:
        """Read until the connection closes, and return the code."""
        try:
            while True:
                await self.event()
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 1006

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        self.connection.transport.abort()


@dataclass
class Room:
    service: Service
    address: str
    owner: User
    organization: Organization
    project: Project

    @property
    def url(self) -> str:
        return f"ws://{self.address}/api/v1/ws/projects/{self.project.id}"

    @property
    def projects(self) -> str:
        return f"/api/v1/organizations/{self.organization.slug}/projects"

    @property
    def members(self) -> str:
        return f"/api/v1/organizations/{self.organization.slug}/members"

    @property
    def path(self) -> str:
        """The path of its project over HTTP."""
        return f"{self.projects}/{self.project.id}"

    async def add_member(self, role: MemberRole = MemberRole.MEMBER) -> User:
        return await self.service.make(make_member, self.organization, role)

    async def stranger(self) -> User:
        return await self.service.make(make_user)

    async def second_project(self) -> Project:
        return await self.service.make(make_project, self.organization)

    async def sign_in(self, user: User) -> AsyncClient:
        return await self.service.sign_in(user)

    async def token(self, user: User) -> str:
        return (await self.sign_in(user)).headers["Authorization"].removeprefix("Bearer ")

    async def call(self, user: User, method: str, path: str, **body: Any) -> Response:
        """Make a request that must succeed, with a login of its own."""
        response = await (await self.sign_in(user)).request(method, path, json=body)
        assert response.is_success, response.text
        return response

    def connect(self, token: str | None, *, project: UUID | str = "", **options: Any) -> connect:
        """Return a connection to open, with `options` of `websockets`."""
        url = self.url.replace(str(self.project.id), str(project or self.project.id))
        bearer = [Subprotocol("bearer"), Subprotocol(token)] if token else None
        usual = {
            "subprotocols": bearer,
            "compression": None,
            "open_timeout": PATIENCE,
            "close_timeout": PATIENCE,
            "ping_interval": None,
            "proxy": None,
        }
        return connect(options.pop("url", url), **usual | options)

    @asynccontextmanager
    async def join(
        self, user: User, *, token: str | None = None, **options: Any
    ) -> AsyncGenerator[RoomClient]:
        """Yield a connection of the user once it is ready."""
        async with self.connect(token or await self.token(user), **options) as connection:
            client = RoomClient(connection)
            client.ready = await client.expect("ready")
            assert client.ready["user_id"] == str(user.id)
            yield client

    async def accepts(self, user: User, **options: Any) -> None:
        async with self.join(user, **options):
            return

    async def rejection(self, token: str | None, **options: Any) -> Response:
        """Return the response to a handshake that must fail."""
        handshake = self.connect(token, **options)
        with pytest.raises(InvalidStatus) as rejected:
            await handshake
        answer = rejected.value.response
        return Response(
            answer.status_code,
            headers=list(answer.headers.raw_items()),
            content=bytes(answer.body),
            request=Request("GET", handshake.uri.replace("ws://", "http://")),
        )


async def make_room(service: Service, address: str) -> Room:
    owner = await service.make(make_user)
    organization = await service.make(make_organization, owner)
    project = await service.make(make_project, organization)
    return Room(service, address, owner, organization, project)
