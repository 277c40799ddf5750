"""Routes that replay the first response to a repeated request."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError

from app.api.idempotency import Attempt, Replay
from app.core.errors import Conflict


class Route(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Run the handler inside the transaction, which commits when the dependencies exit."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
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

        return handle_once


def _attempt(request: Request) -> Attempt | None:
    """The attempt that `Idempotency` started for a request with a key."""
    attempt: Attempt | None = request.state.attempt
    return attempt


Router = partial(APIRouter, route_class=Route)
