"""Request ids, one log line per request, and the 500 for an unhandled error."""

import re
import time
from urllib.parse import quote
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import problem_response

logger = structlog.stdlib.get_logger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestContext:
    """Give each request an id, and log one line about it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        since = time.perf_counter()
        status = 0

        async def send_and_log(message: Message) -> None:
            """Log with the last byte, so that work after the response is not part of its time."""
            nonlocal status
            if message["type"].endswith("http.response.start"):
                status = int(message["status"])
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)
            if message["type"].endswith("http.response.body") and not message.get("more_body"):
                milliseconds = round((time.perf_counter() - since) * 1000, 1)
                logger.info("request", **_named(scope), status=status, milliseconds=milliseconds)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_and_log)


class LastResort:
    """Return 500 for an error that nothing else handled."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        tracked = _TrackedSend(send)
        try:
            await self.app(scope, receive, tracked.send)
        except Exception as error:
            if error is tracked.disconnect:
                raise  # the server's own error, which it expects back
            logger.exception("unhandled_error", **_named(scope))
            if tracked.started:
                raise
            response = problem_response(scope, 500, "Something went wrong on our side")
            await response(scope, receive, send)


class _TrackedSend:
    def __init__(self, send: Send) -> None:
        self.started = False
        self.disconnect: OSError | None = None
        """The server's error after the client has disconnected (ASGI 2.4)."""
        self._send = send

    async def send(self, message: Message) -> None:
        self.started = True
        try:
            await self._send(message)
        except OSError as error:
            self.disconnect = error
            raise


def _named(scope: Scope) -> dict[str, str]:
    return {
        "method": scope.get("method", "GET"),  # only HTTP scopes have one
        "path": quote(scope["path"]),  # control characters could reach a terminal
    }


def _request_id(scope: Scope) -> str:
    """The client's own id if it is safe to log, otherwise a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid4())
