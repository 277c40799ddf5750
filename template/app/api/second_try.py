"""Run a request again after an error of the database that the next try will not have."""

from fastapi import Request, Response
from sqlalchemy.exc import DBAPIError
from starlette.types import Message, Receive, Scope, Send

from app.api.deps import SAFE_METHODS
from app.db.dialect import is_undone

SECOND_TRY = "app.second_try"


def may_run_again(request: Request, error: Exception) -> bool:
    """Return whether this was the first try, and cannot have changed anything.

    If a connection is lost, nobody knows whether a write was committed. A form cannot be read
    twice.
    """
    if request.scope["type"] != "http" or SECOND_TRY in request.scope:
        return False
    if is_undone(error):
        return "form" not in request.headers.get("content-type", "")
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost and request.method in SAFE_METHODS


class SecondTry(Response):
    """A response that comes from the same route. The first try has closed its session."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body: list[Message] = [{"type": "http.request", "body": await self._request.body()}]

        async def receive_again() -> Message:
            return body.pop() if body else await receive()

        await self._request.app.router({**scope, SECOND_TRY: True}, receive_again, send)
