"""HTTP/1.1 with a limit on request headers, and errors as problem documents."""

import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536


class HttpProtocol(HttpToolsProtocol):
    """Limit a request's URL, headers and trailers; the body is limited where it is read.

    The parser collects headers without limit and at quadratic cost: one client could keep the
    whole process busy. The overrides are written for uvicorn 0.54, which limits the headers with
    h11 but not with httptools: https://github.com/Kludex/uvicorn/issues/157.
    """

    _events = 0
    """The number of request parts that the parser has completed."""
    _unparsed_bytes = 0
    """The bytes received since it last completed one."""

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
            raise ValueError("Stop the parser")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._events += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._events += 1
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Replace the plain text of uvicorn 0.54 (https://github.com/Kludex/uvicorn/pull/1352)."""
        if not self.transport.is_closing():
            self._reject(HTTPStatus.BAD_REQUEST, msg.rstrip("."))

    def _reject_head(self) -> None:
        detail = f"The URL and headers exceed {MAX_HEAD_BYTES} bytes"
        self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, detail)

    def _reject(self, status: HTTPStatus, detail: str) -> None:
        """Respond without a request id: the application has not seen the request."""
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
