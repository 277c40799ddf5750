"""Joining a project's room: every rejection is an ordinary HTTP response."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, WebSocket

from app.api.deps import limit_caller
from app.api.resources import AppResources
from app.core.errors import Forbidden, InvalidToken, NotFound, Unauthorized
from app.core.tokens import AccessClaims, KeyClaims, read_bearer
from app.realtime.connection import Connection

SUBPROTOCOL = "bearer"

router = APIRouter(prefix="/ws")


async def check_origin(websocket: WebSocket, resources: AppResources) -> None:
    """Reject other origins: browsers let any page connect to any server (RFC 6455, 10.2)."""
    if not set(websocket.headers.getlist("Origin")) <= set(resources.settings.CORS_ORIGINS):
        raise Forbidden("This origin is not allowed")


async def get_claims(websocket: WebSocket, resources: AppResources) -> AccessClaims | KeyClaims:
    """Read the subprotocols `bearer, <token>`: a browser cannot set an Authorization header."""
    match websocket.scope["subprotocols"]:
        case [name, token] if name == SUBPROTOCOL:
            return read_bearer(resources.settings, token)
        case _:
            raise Unauthorized("Not authenticated")


@router.websocket(
    "/projects/{project_id}", dependencies=[Depends(limit_caller), Depends(check_origin)]
)
async def join_project(
    websocket: WebSocket,
    resources: AppResources,
    claims: Annotated[AccessClaims | KeyClaims, Depends(get_claims)],
    project_id: str,
) -> None:
    """Serve the connection without a database session: each check of access opens a short one."""
    hub = resources.hub
    access = await hub.authorizer.authorize(claims, _uuid(project_id))
    if access.seconds_left <= 0:  # requests get some leeway, connections none
        raise InvalidToken
    with hub.connection_limits.reserve(access.user_id):
        await websocket.accept(SUBPROTOCOL)
        async with asyncio.TaskGroup() as tasks:
            if isinstance(claims, KeyClaims):
                tasks.create_task(resources.key_uses.record(access.credential_id))
            await Connection(websocket, hub, claims, access).run()


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("Project not found") from None
