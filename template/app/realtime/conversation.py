"""A client's stay in a room: three tasks read, write and watch, until one of them ends it."""

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
from app.realtime.client import Client
from app.realtime.hub import Hub
from app.realtime.socket import Socket

logger = structlog.stdlib.get_logger(__name__)

FAILED = 1011
TOO_SLOW = 1013
LOGGED_OUT = 4401
NOT_A_MEMBER = 4403
NOT_FOUND = 4404

SEND_SECONDS = 30  # a peer that takes no byte for so long has gone, or pretends to
CLOSE_SECONDS = 5


class End(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Lost(End):
    """There is no connection any more on which a close frame could be sent."""


class Conversation:
    def __init__(
        self,
        websocket: WebSocket,
        hub: Hub,
        claims: AccessClaims | KeyClaims,
        access: Access,
    ) -> None:
        self._websocket = websocket
        self._hub = hub
        self._claims = claims
        self._socket = Socket(access)
        self._client = Client(self._socket, hub)
        self._in_hand = ""
        self._sending_since = math.inf

    async def run(self) -> None:
        access = self._socket.access
        log = logger.bind(user_id=str(access.user_id), project_id=str(access.project_id))
        log.info("socket_opened")
        started = time.monotonic()
        code = FAILED
        try:
            code = await self._converse()
        finally:
            seconds = round(time.monotonic() - started, 1)
            log.info("socket_closed", code=code, seconds=seconds)

    async def _converse(self) -> int:
        """Returns the code with which either side has closed."""
        end = End(FAILED)
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._hub.join(self._socket)
                tasks.create_task(self._read())
                tasks.create_task(self._write())
                tasks.create_task(self._watch())
        except* End as ends:
            end = next(each for each in ends.exceptions if isinstance(each, End))
        except* Exception:
            logger.exception("socket_failed")
        finally:
            await self._hub.leave(self._socket)
        if not isinstance(end, Lost):
            await self._close(end.code)
        return end.code

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise Lost(message["code"])
            self._client.hear(message.get("text"))
            await asyncio.sleep(0)  # many messages may have arrived at once: the others' turn

    async def _write(self) -> None:
        while True:
            self._in_hand = await self._socket.queue.get()
            self._sending_since = time.monotonic()
            try:
                await self._websocket.send_text(self._in_hand)
            except (RuntimeError, WebSocketDisconnect):  # the server has given the peer up
                raise Lost(FAILED) from None
            self._in_hand = ""
            self._sending_since = math.inf

    async def _watch(self) -> None:
        """Checks the access from time to time, and whenever something calls for attention."""
        while True:
            left = self._socket.access.seconds_left
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._hub.recheck_seconds)):
                    await self._socket.attention.wait()
            self._socket.attention.clear()
            stuck = time.monotonic() - self._sending_since > SEND_SECONDS
            if self._socket.too_slow or stuck:
                raise End(TOO_SLOW)
            await self._check_access()

    async def _check_access(self) -> None:
        if self._socket.access.seconds_left <= 0:
            raise End(LOGGED_OUT)
        try:
            self._socket.access = await self._hub.authorizer.authorize(
                self._claims, self._socket.access.project_id
            )
        except (InvalidToken, Forbidden):
            raise End(LOGGED_OUT) from None
        except NotAMember:
            raise End(NOT_A_MEMBER) from None
        except NotFound:
            raise End(NOT_FOUND) from None
        except (SQLAlchemyError, Unavailable) as error:
            logger.warning("access_not_checked", error=type(error).__name__)

    async def _close(self, code: int) -> None:
        with suppress(RuntimeError, TimeoutError, WebSocketDisconnect):
            # `asyncio.timeout` fails here before Python 3.11.3, as a TaskGroup has failed before.
            await asyncio.wait_for(self._say_goodbye(code), CLOSE_SECONDS)

    async def _say_goodbye(self, code: int) -> None:
        """After what is still to be sent, such as the reason; a slow client has lost its."""
        if code != TOO_SLOW and self._in_hand:
            await self._websocket.send_text(self._in_hand)
        while code != TOO_SLOW and not self._socket.queue.empty():
            await self._websocket.send_text(self._socket.queue.get_nowait())
        await self._websocket.close(code)
