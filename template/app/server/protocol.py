"""HTTP/1.1 with a limit for the head of a request, and errors as problem documents."""

import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536


class HttpProtocol(HttpToolsProtocol):
    """Limits the head of a request and its trailers; the body is limited where it is read.

    The parser collects headers without end, at a cost that grows with their square: one client
    could keep the whole process busy. The overrides are written for uvicorn 0.54, which has a
    limit for h11 but none for httptools: https://github.com/Kludex/uvicorn/issues/157.
    """

    _events = 0
    """How many parts of requests the parser has completed."""
    _unparsed_bytes = 0
    """The bytes that arrived since it last completed one."""

    def data_received(self, data: bytes) -> None:
        events = self._events
        super().data_received(data)
        self._unparsed_bytes = self._unparsed_bytes + len(data) if events == self._events else 0
        if self._unparsed_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._reject_head()

    def on_message_begin(self) -> None:
        self._events += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._events += 1
        headers = sum(len(name) + len(value) for name, value in self.headers)
        if len(self.url) + headers > MAX_HEAD_BYTES:
            self._reject_head()
            raise ValueError("This ends the parser")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._events += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._events += 1
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn 0.54 sends plain text, as in https://github.com/Kludex/uvicorn/pull/1352."""
        if not self.transport.is_closing():
            self._reject(HTTPStatus.BAD_REQUEST, msg.rstrip("."))

    def _reject_head(self) -> None:
        detail = f"The head of a request may have at most {MAX_HEAD_BYTES} bytes"
        self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def _reject(self, status: HTTPStatus, detail: str) -> None:
        """The application has not seen the request, so the response has no request id."""
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
