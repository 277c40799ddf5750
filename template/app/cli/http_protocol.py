"""How the server reads HTTP: with a limit for a request's head, and errors as problem documents."""

import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536


class HttpProtocol(HttpToolsProtocol):
    """The parser collects headers and trailers without end, at a cost that grows with their square:
    one client could keep the whole process busy. A body is limited where it is read."""

    _parts = 0
    _unfinished = 0

    def data_received(self, data: bytes) -> None:
        parts = self._parts
        super().data_received(data)
        self._unfinished = self._unfinished + len(data) if parts == self._parts else 0
        if self._unfinished > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def on_message_begin(self) -> None:
        self._parts += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._parts += 1
        headers = sum(len(name) + len(value) for name, value in self.headers)
        if len(self.url) + headers > MAX_HEAD_BYTES:
            self._refuse_head()
            raise ValueError("The parser stops here")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._parts += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._parts += 1
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            self._refuse(HTTPStatus.BAD_REQUEST, msg.rstrip("."))

    def _refuse_head(self) -> None:
        detail = f"The head of a request may have at most {MAX_HEAD_BYTES} bytes"
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Nothing of the application has seen the request, so it has no id."""
        problem = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status,
            "detail": detail,
        }
        body = json.dumps(problem).encode()
        head = (
            f"HTTP/1.1 {status} {status.phrase}\r\n"
            "content-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\n"
            "cache-control: no-store\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
