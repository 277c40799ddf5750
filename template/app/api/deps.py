"""Dependencies of routes; those for the caller are in `callers.py`.

Every dependency is `async`: FastAPI would run a plain function in a thread.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTasks
from starlette.requests import HTTPConnection

from app.api.address import client_host, client_network
from app.api.rate_limit import Policy
from app.api.resources import AppResources
from app.core.errors import InvalidToken
from app.core.tokens import read_access_token
from app.services import audit
from app.tasks.queue import TaskQueue

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


async def get_db(request: Request, resources: AppResources) -> AsyncGenerator[AsyncSession]:
    """One transaction for the request: committed before the response, rolled back on error."""
    database = resources.database
    sessions = database.read if request.method in SAFE_METHODS else database.write
    async with sessions() as session:
        audit.set_origin(session, address=client_host(request), request_id=request.state.request_id)
        yield session
        await session.commit()


DB = Annotated[AsyncSession, Depends(get_db, scope="function")]


async def get_queue(background: BackgroundTasks, resources: AppResources) -> TaskQueue:
    return TaskQueue(background, resources.tasks.start)


Tasks = Annotated[TaskQueue, Depends(get_queue)]


def limit_address(policy: Policy) -> Callable[..., Awaitable[None]]:
    async def count(connection: HTTPConnection, resources: AppResources) -> None:
        await resources.limiter.count_network(policy, client_network(connection))

    return count


async def limit_caller(connection: HTTPConnection, resources: AppResources) -> None:
    """Count by user, from any address; without a valid access token, by address.

    A request with an API key counts for both: only the database knows whose key it is.
    """
    _, token = get_authorization_scheme_param(connection.headers.get("Authorization"))
    limiter = resources.limiter
    try:
        caller = read_access_token(resources.settings, token).user_id
    except InvalidToken:
        await limiter.count_network(Policy.CALLER, client_network(connection))
    else:
        await limiter.count(Policy.CALLER, str(caller))
