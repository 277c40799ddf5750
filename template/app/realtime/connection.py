"""A WebSocket connection: three tasks read, write and watch it until one of them ends it."""

import asyncio
import math
import time
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.core.errors import Forbidden, InvalidToken, NotFound, Unavailable
from app.core.tokens import AccessClaims, KeyClaims
from app.realtime.access import Access, NotAMember
from app.realtime.hub import Hub
from app.realtime.limits import SlidingWindow
from app.realtime.room import Subscriber
from app.schemas.event import ClientEvent, Error, ErrorCode, Message, Ping, Pong, Post, read_event

logger = structlog.stdlib.get_logger(__name__)

FAILED = 1011
TOO_SLOW = 1013
LOGGED_OUT = 4401
NOT_A_MEMBER = 4403
NOT_FOUND = 4404

SEND_SECONDS = 30  # without the client reading a byte: it is gone, or pretends to be
CLOSE_SECONDS = 5

DETAILS = {
    ErrorCode.BINARY: "Send text, not binary data",
    ErrorCode.FORBIDDEN: "Viewers and API keys without the write scope cannot send messages",
    ErrorCode.INVALID_EVENT: (
        'Send {"type": "message", "text": "..."} with 1 to 4000 characters, or {"type": "ping"}'
    ),
    ErrorCode.INVALID_JSON: "Send JSON",
    ErrorCode.RATE_LIMITED: "Too many messages; this one was dropped",
}


class Close(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Disconnected(Close):
    """The connection is gone: no close frame can be sent."""


class Connection:
    def __init__(
        self, websocket: WebSocket, hub: Hub, claims: AccessClaims | KeyClaims, access: Access
    ) -> None:
        self._websocket = websocket
        self._hub = hub
        self._claims = claims
        self._subscriber = Subscriber(access)
        self._rate_limit = SlidingWindow(hub.message_limit)
        self._sending = ""
        self._sending_since = math.inf

    async def run(self) -> None:
        access = self._subscriber.access
        log = logger.bind(user_id=str(access.user_id), project_id=str(access.project_id))
        log.info("connection_opened")
        started = time.monotonic()
        close = Close(FAILED)
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._hub.join(self._subscriber)
                tasks.create_task(self._read())
                tasks.create_task(self._write())
                tasks.create_task(self._watch())
        except* Close as group:
            close = next(each for each in group.exceptions if isinstance(each, Close))
        except* Exception:
            log.exception("connection_failed")
        finally:
            await self._hub.leave(self._subscriber)
            seconds = round(time.monotonic() - started, 1)
            log.info("connection_closed", code=close.code, seconds=seconds)
        if not isinstance(close, Disconnected):
            await self._close(close.code)

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise Disconnected(message["code"])
            self._handle(message.get("text"))
            await asyncio.sleep(0)  # after a burst of messages, let the other tasks run

    def _handle(self, text: str | None) -> None:
        """Publish or respond to a client message; None stands for binary data."""
        access = self._subscriber.access
        match self._parse(text):
            case Ping():
                self._subscriber.send(Pong().model_dump_json())
            case Post(text=text):
                message = Message(user_id=access.user_id, name=access.name, text=text)
                self._hub.publish(access.project_id, message)
            case code:
                self._subscriber.send(Error(code=code, detail=DETAILS[code]).model_dump_json())

    def _parse(self, text: str | None) -> ClientEvent | ErrorCode:
        if not self._rate_limit.hit():
            return ErrorCode.RATE_LIMITED
        if text is None:
            return ErrorCode.BINARY
        event = read_event(text)
        if isinstance(event, Post) and not self._subscriber.access.can_write:
            return ErrorCode.FORBIDDEN
        return event

    async def _write(self) -> None:
        while True:
            self._sending = await self._subscriber.queue.get()
            self._sending_since = time.monotonic()
            try:
                await self._websocket.send_text(self._sending)
            except (RuntimeError, WebSocketDisconnect):  # the server gave up on the client
                raise Disconnected(FAILED) from None
            self._sending = ""
            self._sending_since = math.inf

    async def _watch(self) -> None:
        """Check the access when a check is due, when it expires, and at regular intervals."""
        while True:
            left = self._subscriber.access.seconds_left
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._hub.recheck_seconds)):
                    await self._subscriber.check_due.wait()
            self._subscriber.check_due.clear()
            stuck = time.monotonic() - self._sending_since > SEND_SECONDS
            if self._subscriber.too_slow or stuck:
                raise Close(TOO_SLOW)
            await self._check_access()

    async def _check_access(self) -> None:
        access = self._subscriber.access
        if access.seconds_left <= 0:
            raise Close(LOGGED_OUT)
        try:
            self._subscriber.access = await self._hub.authorizer.authorize(
                self._claims, access.project_id
            )
        except (InvalidToken, Forbidden):
            raise Close(LOGGED_OUT) from None
        except NotAMember:
            raise Close(NOT_A_MEMBER) from None
        except NotFound:
            raise Close(NOT_FOUND) from None
        except (SQLAlchemyError, Unavailable) as error:
            logger.warning("access_check_failed", error=type(error).__name__)

    async def _close(self, code: int) -> None:
        with suppress(RuntimeError, TimeoutError, WebSocketDisconnect):
            # `asyncio.timeout` misbehaves here, after a failed TaskGroup, before Python 3.11.3
            # (python/cpython#102780).
            await asyncio.wait_for(self._flush_and_close(code), CLOSE_SECONDS)

    async def _flush_and_close(self, code: int) -> None:
        """Send the queued events, such as the reason, unless the client is too slow."""
        if code != TOO_SLOW and self._sending:
            await self._websocket.send_text(self._sending)
        while code != TOO_SLOW and not self._subscriber.queue.empty():
            await self._websocket.send_text(self._subscriber.queue.get_nowait())
        await self._websocket.close(code)
