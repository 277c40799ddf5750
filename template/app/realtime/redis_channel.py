"""The Redis channel through which the hubs of all processes send each other messages.

No error ends listening or sending: the process continues alone until Redis responds again.
"""

import asyncio
from typing import Literal
from uuid import UUID, uuid4

import structlog
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.realtime.broker import HubMessage, Receive

logger = structlog.stdlib.get_logger(__name__)

PING_SECONDS = 5  # of silence before Redis is pinged
PONG_SECONDS = 5  # that the response may take
RETRY_SECONDS = 0.5
QUEUE_SIZE = 1000


class MessagesLost(BaseModel):
    """The sender could not send some messages."""

    type: Literal["messages_lost"] = "messages_lost"


class Envelope(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)  # errors are logged

    process: UUID
    message: HubMessage | MessagesLost = Field(discriminator="type")


class RedisChannel:
    def __init__(self, redis: Redis, namespace: str, receive: Receive) -> None:
        # A channel belongs to the server, not to one of its databases.
        database = redis.connection_pool.connection_kwargs.get("db", 0)
        self.process = uuid4()
        self.connected = asyncio.Event()
        """Set while Redis responds."""
        self.reconnected = asyncio.Event()
        """Set when messages may have been missed, and presence can be synced again."""
        self._name = f"{namespace}:{database}:rooms"
        self._receive = receive
        self._redis = redis
        self._unsent: asyncio.Queue[str] = asyncio.Queue(QUEUE_SIZE)
        self._has_lost = False

    def publish(self, message: HubMessage | MessagesLost) -> None:
        """Queue the message for the other processes: sent in order, and at most once."""
        envelope = Envelope(process=self.process, message=message)
        try:
            self._unsent.put_nowait(envelope.model_dump_json())
        except asyncio.QueueFull:
            self._record_loss()

    def report_loss(self) -> None:
        """Tell the other processes if messages to them were lost."""
        if self._has_lost:
            self._has_lost = False
            self.publish(MessagesLost())

    def mark_disconnected(self, error: Exception) -> None:
        """Stop others from waiting for Redis until it responds again."""
        if not isinstance(error, RedisError):
            logger.error("realtime_failed", exc_info=error)
        if self.connected.is_set():
            logger.warning("realtime_disconnected", error=type(error).__name__)
        self.connected.clear()

    async def listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(self._name)
                    await self._read(pubsub)
            except Exception as error:
                self.mark_disconnected(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def send(self) -> None:
        while True:
            text = await self._unsent.get()
            try:
                await self._redis.publish(self._name, text)
            except Exception as error:
                self._record_loss()
                self.mark_disconnected(error)
            self._unsent.task_done()
            if self._has_lost and self._unsent.empty() and self.connected.is_set():
                self.reconnected.set()

    async def flush(self) -> None:
        """Return once every queued message was sent or lost."""
        await self._unsent.join()

    async def _read(self, pubsub: PubSub) -> None:
        """Receive until the connection breaks. Raise ConnectionError if a ping fails."""
        pinged = False
        while True:
            message = await pubsub.get_message(timeout=PONG_SECONDS if pinged else PING_SECONDS)
            if message is not None:
                # After a short interruption the client resubscribes by itself.
                if message["type"] == "subscribe" or not self.connected.is_set():
                    self.connected.set()
                    self.reconnected.set()
                if message["type"] == "message":
                    self._receive_text(message["data"])
            elif pinged:
                raise RedisConnectionError("Redis did not respond to a ping")
            else:
                await pubsub.ping()
            pinged = message is None

    def _receive_text(self, text: str) -> None:
        try:
            envelope = Envelope.model_validate_json(text)
            if envelope.process == self.process:
                return
            if isinstance(envelope.message, MessagesLost):
                self.reconnected.set()
            else:
                self._receive(envelope.message)
        except Exception:
            logger.exception("realtime_message_invalid")

    def _record_loss(self) -> None:
        if not self._has_lost:
            self._has_lost = True
            logger.warning("realtime_messages_lost")
