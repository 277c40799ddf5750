"""The id of a request, its line in the log, and the 500 for an error that nothing else caught."""

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
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(scope, send, request_id)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, answer.send)
            except Exception as error:
                if error is answer.disconnect:
                    raise  # the server's own, which it expects back
                logger.exception("unhandled_error", **answer.request)
                if answer.started:
                    raise
                response = problem_response(scope, 500, "Something went wrong on our side")
                await response(scope, receive, answer.send)


class _Answer:
    """Logged with its last byte, so that work after the response does not count as its time."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self.request = {
            "method": scope.get("method", "GET"),  # only a scope of HTTP names it
            "path": quote(scope["path"]),  # control characters would reach the terminal
        }
        self.started = False
        self.disconnect: OSError | None = None
        """What a server raises when the client has gone (ASGI 2.4)."""
        self._send = send
        self._request_id = request_id
        self._status = 0
        self._since = time.perf_counter()

    async def send(self, message: Message) -> None:
        self.started = True
        if message["type"].endswith("http.response.start"):
            self._status = int(message["status"])
            MutableHeaders(scope=message)["X-Request-ID"] = self._request_id
        try:
            await self._send(message)
        except OSError as error:
            self.disconnect = error
            raise
        if message["type"].endswith("http.response.body") and not message.get("more_body"):
            self._log()

    def _log(self) -> None:
        logger.info(
            "request",
            **self.request,
            status=self._status,
            milliseconds=round((time.perf_counter() - self._since) * 1000, 1),
        )


def _request_id(scope: Scope) -> str:
    """The client's own, if it is safe in a log."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else str(uuid4())
