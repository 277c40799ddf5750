"""The way into a project's room: refused, for whatever reason, by an ordinary HTTP response."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, WebSocket

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import Forbidden, InvalidToken, NotFound, Unauthorized
from app.core.tokens import AccessClaims, read_access_token
from app.realtime.conversation import Conversation
from app.realtime.hub import Hub

SUBPROTOCOL = "bearer"

router = APIRouter(prefix="/ws")


async def check_origin(websocket: WebSocket) -> None:
    """Browsers let any page open a socket anywhere: only the server can refuse (RFC 6455, 10.2)."""
    settings: Settings = websocket.app.state.settings
    if not set(websocket.headers.getlist("Origin")) <= set(settings.CORS_ORIGINS):
        raise Forbidden("This origin is not allowed")


async def get_claims(websocket: WebSocket) -> AccessClaims:
    """From the subprotocols `bearer, <token>`: browsers can send no header of their own."""
    match websocket.scope["subprotocols"]:
        case [name, token] if name == SUBPROTOCOL:
            claims = read_access_token(websocket.app.state.settings, token)
        case _:
            raise Unauthorized("Not authenticated")
    if claims.expires_at <= utc_now():  # without the leeway that a request gets
        raise InvalidToken
    return claims


@router.websocket("/projects/{project_id}", dependencies=[Depends(check_origin)])
async def join_project(
    websocket: WebSocket, claims: Annotated[AccessClaims, Depends(get_claims)], project_id: str
) -> None:
    """No database session lives as long as the socket: each check opens a short one."""
    hub: Hub = websocket.app.state.hub
    with hub.places.take(claims.user_id):
        access = await hub.authorizer.authorize(claims, _uuid(project_id))
        await websocket.accept(SUBPROTOCOL)
        await Conversation(websocket, hub, claims, access).run()


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("Project not found") from None
