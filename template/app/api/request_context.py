"""Request ids, security headers, one log line per request, and the 500 for an unhandled error."""

import re
import time
from urllib.parse import quote
from uuid import uuid4

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import problem_response

logger = structlog.stdlib.get_logger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HSTS = "max-age=63072000; includeSubDomains"


class RequestContext:
    """Give each request an id, and each response security headers; log one line about both.

    The headers are OWASP's for an API; only the documentation pages may load scripts.
    """

    def __init__(self, app: ASGIApp, *, https: bool, documentation: frozenset[str]) -> None:
        self.app = app
        headers = SECURITY_HEADERS | ({"Strict-Transport-Security": HSTS} if https else {})
        self.headers = {name.lower().encode(): value.encode() for name, value in headers.items()}
        self.documentation = documentation

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
            kind = message["type"]
            if kind.endswith("http.response.start"):
                status = int(message["status"])
                message = {**message, "headers": self._headers(scope, message)}
            await send(message)
            if kind.endswith("http.response.body") and not message.get("more_body"):
                milliseconds = round((time.perf_counter() - since) * 1000, 1)
                logger.info("request", **_named(scope), status=status, milliseconds=milliseconds)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_and_log)

    def _headers(self, scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
        """The response's own headers take precedence."""
        headers = self.headers | {b"x-request-id": scope["state"]["request_id"].encode()}
        if scope["path"].rstrip("/") in self.documentation:
            del headers[b"content-security-policy"]
        own = list(message.get("headers", ()))
        names = {name for name, _ in own}
        return own + [header for header in headers.items() if header[0] not in names]


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
