"""Middleware in pure ASGI, which leaves streams and cancellation untouched."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import unquote_plus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import problem_response

HOST = re.compile(r"[\w.:\[\]-]*\Z", re.ASCII)  # a name, or an address that may be in brackets
PORT = re.compile(r":\d*$")
UNFIT = re.compile("[\0\ufffd]")  # invalid UTF-8 is decoded to U+FFFD


class CrossOrigin(CORSMiddleware):
    """CORS that rejects a preflight with a problem document."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        return response if response.status_code == 200 else _RefusedPreflight(response)


class _RefusedPreflight(Response):
    def __init__(self, refusal: Response) -> None:
        super().__init__(refusal.body, refusal.status_code)
        self.kept = {
            name: value
            for name, value in refusal.headers.items()
            if not name.startswith("content-")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = bytes(self.body).decode()
        response = problem_response(scope, self.status_code, detail, headers=self.kept)
        await response(scope, receive, send)


class RequestGuard:
    """Reject unknown hosts, NUL or invalid UTF-8 in the URL, and bodies that are too long. Serve
    HEAD like GET, and `/users/` like `/users`: a redirect would trust the Host header.

    Probes address a container by its IP, so /health accepts every host name.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Sequence[str], max_body_bytes: int) -> None:
        self.app = app
        self.allowed_hosts = allowed_hosts
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if refusal := self._refuse(scope):
            response = problem_response(scope, 400, refusal)
            await response(scope, receive, send)
            return
        path: str = scope["path"]
        if path.endswith("/") and not path.endswith("//") and path != "/":
            scope = {**scope, "path": path[:-1]}
        if scope.get("method") == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        await self.app(scope, self._limited(receive), send)

    def _refuse(self, scope: Scope) -> str | None:
        path: str = scope["path"]
        query: bytes = scope["query_string"]
        if UNFIT.search(path) or UNFIT.search(unquote_plus(query.decode("latin-1"))):
            return "The URL contains characters that are not allowed"
        hosts = ",".join(Headers(scope=scope).getlist("host"))  # with two, none is known
        host = PORT.sub("", hosts).lower()
        known = any(HOST.match(host) and fnmatchcase(host, each) for each in self.allowed_hosts)
        if not known and not path.startswith("/health"):
            return "This host name is not allowed"
        return None

    def _limited(self, receive: Receive) -> Receive:
        """Count the bytes that arrive: Content-Length can be wrong or missing."""
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                raise HTTPException(413, f"The body exceeds {self.max_body_bytes} bytes")
            return message

        return receive_limited


def _without_body(send: Send) -> Send:
    """Respond to HEAD (RFC 9110, section 9.3.2)."""

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if "body" in message else message)

    return send_head


class Compression(GZipMiddleware):
    """Compress responses to GET only: those to POST may contain new tokens and keys, and the
    compressed length of a secret next to client input would reveal it (BREACH)."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, minimum_size=1000, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "GET":
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)
