"""A project's room on a server, and the ways into it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient, Request, Response
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from app.core.roles import MemberRole
from app.models import Organization, Project, User
from tests.support.factories import make_member, make_organization, make_project, make_user
from tests.support.service import Service
from tests.support.waiting import PATIENCE
from tests.support.websocket_visitor import Visitor


@dataclass
class Room:
    service: Service
    address: str
    owner: User
    organization: Organization
    project: Project

    @property
    def path(self) -> str:
        """Of its project over HTTP."""
        return f"/api/v1/organizations/{self.organization.slug}/projects/{self.project.id}"

    @property
    def members(self) -> str:
        return f"/api/v1/organizations/{self.organization.slug}/members"

    async def member(self, role: MemberRole = MemberRole.MEMBER) -> User:
        async with self.service.database.write() as session:
            return await make_member(session, self.organization, role)

    async def stranger(self) -> User:
        async with self.service.database.write() as session:
            return await make_user(session)

    async def client(self, user: User) -> AsyncClient:
        return await self.service.sign_in(user)

    async def token(self, user: User) -> str:
        return token_of(await self.client(user))

    def dial(self, token: str | None, *, project: UUID | str = "", **options: Any) -> connect:
        """A connection that is still to be opened, with `options` of `websockets`."""
        url = f"ws://{self.address}/api/v1/ws/projects/{project or self.project.id}"
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
    async def enter(
        self, user: User, *, token: str | None = None, **options: Any
    ) -> AsyncGenerator[Visitor]:
        """A socket of the user, once it is ready."""
        async with self.dial(token or await self.token(user), **options) as connection:
            visitor = Visitor(connection)
            visitor.ready = await visitor.event()
            assert visitor.ready["type"] == "ready"
            yield visitor

    async def lets_in(self, user: User, *, token: str | None = None, **options: Any) -> None:
        async with self.enter(user, token=token, **options) as visitor:
            assert visitor.ready["user_id"] == str(user.id)

    async def refusal(self, token: str | None, **options: Any) -> Response:
        """The response to a handshake that must fail."""
        dialled = self.dial(token, **options)
        with pytest.raises(InvalidStatus) as refused:
            await dialled
        answer = refused.value.response
        request = Request("GET", dialled.uri.replace("ws://", "http://"))
        headers = list(answer.headers.raw_items())
        return Response(
            answer.status_code, headers=headers, content=bytes(answer.body), request=request
        )


def token_of(client: AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


async def make_room(service: Service, address: str) -> Room:
    async with service.database.write() as session:
        owner = await make_user(session)
        organization = await make_organization(session, owner)
        project = await make_project(session, organization)
    return Room(service, address, owner, organization, project)
