"""Dependencies of routes; those for the caller are in `callers.py`.

Every dependency is `async`: FastAPI would run a plain function in a thread.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTasks
from starlette.requests import HTTPConnection

from app.api.address import client_network
from app.api.rate_limit import Policy
from app.api.resources import AppResources, Resources, resources_of
from app.core.errors import AppError, InvalidToken, Unauthorized
from app.core.tokens import AccessClaims, KeyClaims, read_bearer
from app.tasks.queue import TaskQueue

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


async def get_db(request: Request) -> AsyncSession:
    """The transaction of the request, which `Route` opens and commits."""
    session: AsyncSession | None = getattr(request.state, "session", None)
    if session is None:
        raise TypeError("Create the router of this route with app.api.routing.Router")
    return session


DB = Annotated[AsyncSession, Depends(get_db)]


async def get_queue(background: BackgroundTasks, resources: AppResources) -> TaskQueue:
    return TaskQueue(background, resources.tasks.start)


Tasks = Annotated[TaskQueue, Depends(get_queue)]


def limit_address(policy: Policy) -> Callable[..., Awaitable[None]]:
    async def count(connection: HTTPConnection, resources: AppResources) -> None:
        await resources.limiter.count_network(policy, client_network(connection))

    return count


async def limit_caller(connection: HTTPConnection) -> None:
    """Count by user, from any address; without a valid access token, by address.

    A request with an API key counts for both: only the database knows whose key it is.
    """
    resources = resources_of(connection)
    claims = connection.state.claims = _read_claims(connection, resources)
    if isinstance(claims, AccessClaims):
        await resources.limiter.count(Policy.CALLER, str(claims.user_id))
    else:
        await resources.limiter.count_network(Policy.CALLER, client_network(connection))


def _read_claims(
    connection: HTTPConnection, resources: Resources
) -> AccessClaims | KeyClaims | AppError:
    """Return the error for a missing or invalid token: public routes ignore it."""
    scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return Unauthorized("Not authenticated")
    try:
        return read_bearer(resources.settings, token.strip())
    except InvalidToken as error:
        return error
