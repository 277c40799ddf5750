"""What every route of the API has around it: a rate limit, a transaction, idempotent retries."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError

from app.api.deps import limit_caller, open_session
from app.api.idempotency import Attempt, Replay
from app.core.errors import Conflict

Handler = Callable[[Request], Awaitable[Response]]


class Route(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """One transaction for the request: committed before the response, rolled back on error."""
        handle = super().get_route_handler()

        async def handle_request(request: Request) -> Response:
            await limit_caller(request)
            async with open_session(request) as session:
                response = await _handle_once(handle, request)
                await session.commit()
                return response

        return handle_request


async def _handle_once(handle: Handler, request: Request) -> Response:
    """Send the first response again to a repeated request with an `Idempotency-Key`."""
    request.state.attempt = None
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


Router = partial(APIRouter, route_class=Route)
