"""What every route of the API has around it: a rate limit, a transaction, and repeated requests."""

import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError, IntegrityError
from starlette.routing import Match
from starlette.types import Scope

from app.api.address import client_host
from app.api.deps import SAFE_METHODS, limit_caller
from app.api.idempotency import Attempt, Replay
from app.api.resources import resources_of
from app.core.errors import Conflict
from app.db.dialect import is_undone
from app.services import audit

logger = structlog.stdlib.get_logger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


class Router(APIRouter):
    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=Route, **options)
        literals = re.split(r"\{\w+\}", self.prefix)
        self._beginning = re.compile(".+".join(map(re.escape, literals)))

    def add_api_route(self, path: str, *args: Any, **options: Any) -> None:
        """Serve `/users/` as `/users`: `RequestGuard` removes the slash from the URL."""
        super().add_api_route(path.rstrip("/"), *args, **options)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Skip the routes, which FastAPI 0.165 would try one by one, if the prefix is missing."""
        if self._beginning.search(scope["path"]):
            return super().matches(scope)
        return Match.NONE, {}


class Route(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Run the handler again after an error of the database that the next try will not have."""
        handle = super().get_route_handler()

        async def handle_request(request: Request) -> Response:
            await limit_caller(request)
            try:
                return await _handle_in_transaction(handle, request)
            except DBAPIError as error:
                if not _may_run_again(request, error):
                    raise
                logger.warning("request_retried", error=type(error).__name__)
                return await _handle_in_transaction(handle, request)

        return handle_request


def _may_run_again(request: Request, error: DBAPIError) -> bool:
    """If a connection is lost, a write may have been committed."""
    lost = error.connection_invalidated and request.method in SAFE_METHODS
    return lost or is_undone(error)


async def _handle_in_transaction(handle: Handler, request: Request) -> Response:
    """Commit before the response, or roll back on error. Reads need no transaction."""
    safe = request.method in SAFE_METHODS
    database = resources_of(request).database
    async with database.read() if safe else database.write() as session:
        state = request.state
        state.attempt, state.caller, state.session = None, None, session
        audit.set_origin(session, address=client_host(request), request_id=state.request_id)
        response = await _handle_once(handle, request)
        if not safe:
            await session.commit()
        return response


async def _handle_once(handle: Handler, request: Request) -> Response:
    """Send the first response again to a repeated request with an `Idempotency-Key`."""
    try:
        response = await handle(request)
        if attempt := _attempt(request):
            await attempt.keep(response)
        return response
    except Replay as replay:
        return replay.response
    except (Conflict, IntegrityError):
        attempt = _attempt(request)
        replayed = await attempt.replay_twin() if attempt else None
        if replayed is None:
            raise
        return replayed


def _attempt(request: Request) -> Attempt | None:
    """The one that `Idempotency` has started for a request with a key."""
    attempt: Attempt | None = request.state.attempt
    return attempt
