"""What the processes say to each other through Redis: one channel, one connection to listen on it.

No error ends listening or sending: the process goes on alone until Redis answers again.
"""

import asyncio
from uuid import uuid4

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from app.realtime.broker import Receive

logger = structlog.stdlib.get_logger(__name__)

PING_SECONDS = 5  # of silence before Redis is pinged
PONG_SECONDS = 5  # that an answer to the ping may take
RETRY_SECONDS = 0.5
QUEUE_SIZE = 1000

LOSS = "loss"
"""The message of a process that could not send others."""


class RedisChannel:
    def __init__(self, redis: Redis, name: str) -> None:
        """`name` sets apart the services that share a server."""
        database = redis.connection_pool.connection_kwargs.get("db", 0)  # a channel belongs to none
        self.process = str(uuid4())
        self.listening = asyncio.Event()
        """Set while Redis answers."""
        self.reunited = asyncio.Event()
        """Set when messages may have been missed, and there are others to ask again."""
        self._name = f"{name}:{database}:rooms"
        self._redis = redis
        self._unsent: asyncio.Queue[str] = asyncio.Queue(QUEUE_SIZE)
        self._lossy = False

    def attach(self, receive: Receive) -> None:
        self._receive = receive

    def publish(self, message: str) -> None:
        """To the others, a little later, in the same order, and at most once."""
        try:
            self._unsent.put_nowait(f"{self.process} {message}")
        except asyncio.QueueFull:
            self._lose()

    def admit_loss(self) -> None:
        """Tells the others, if there was one, that they may have missed something."""
        if self._lossy:
            self._lossy = False
            self.publish(LOSS)

    def separate(self, error: Exception) -> None:
        """After an error nobody else waits for Redis, until it is heard of again."""
        if not isinstance(error, RedisError):
            logger.error("rooms_failed", exc_info=error)
        if self.listening.is_set():
            logger.warning("rooms_separated", error=type(error).__name__)
        self.listening.clear()

    async def listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(self._name)
                    await self._hear(pubsub)
            except Exception as error:
                self.separate(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def send(self) -> None:
        while True:
            message = await self._unsent.get()
            try:
                await self._redis.publish(self._name, message)
            except Exception as error:
                self._lose()
                self.separate(error)
            self._unsent.task_done()
            if self._lossy and self._unsent.empty() and self.listening.is_set():
                self.reunited.set()

    async def sent(self) -> None:
        """Returns once nothing is left to send."""
        await self._unsent.join()

    async def _hear(self, pubsub: PubSub) -> None:
        """Until the connection is lost, or Redis silent although it was pinged."""
        pinged = False
        while True:
            message = await pubsub.get_message(timeout=PONG_SECONDS if pinged else PING_SECONDS)
            if message is not None:
                # The client itself subscribes again after a short interruption.
                if message["type"] == "subscribe" or not self.listening.is_set():
                    self.listening.set()
                    self.reunited.set()
                if message["type"] == "message":
                    self._hear_other(message["data"])
            elif pinged:
                raise RedisConnectionError("Redis is silent")
            else:
                await pubsub.ping()
            pinged = message is None

    def _hear_other(self, data: str) -> None:
        process, _, message = data.partition(" ")
        if process == self.process:
            return
        if message == LOSS:
            self.reunited.set()
            return
        try:
            self._receive(message)
        except Exception:
            logger.exception("message_not_understood")

    def _lose(self) -> None:
        if not self._lossy:
            self._lossy = True
            logger.warning("messages_lost")
