"""A Redis cache for values of one type. While Redis is not responding, every lookup is a miss.

Each value is stored with a stamp and is valid only while the stamp of its key is the same.
`drop` deletes the stamp, so a value that was loaded before but stored after it is never used.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar
from uuid import uuid4

from pydantic import TypeAdapter
from redis.exceptions import RedisError

from app.core.redis import SharedRedis

T = TypeVar("T")


class Cache(Generic[T]):
    def __init__(self, redis: SharedRedis, name: str, kind: type[T], *, seconds: int) -> None:
        self._redis = redis
        self._prefix = f"{redis.name}:cache:{name}"
        self._adapter = TypeAdapter(kind)
        self._seconds = seconds
        self._not_dropped: set[str] = set()

    async def get(self, key: str, load: Callable[[], Awaitable[T]]) -> T:
        """Load on a miss. `load` must not read from a database snapshot older than its call."""
        stamp = ""
        # An entry that another release or program wrote may raise ValueError.
        with suppress(RedisError, ValueError), self._redis.attempt():
            await self._delete_stamps()
            stamp, entry = await self._read(key)
            stored_with, _, json = entry.partition(" ")
            if stamp and stored_with == stamp:
                return self._adapter.validate_json(json)
            stamp = stamp or await self._new_stamp(key)
        value = await load()
        if stamp:
            with suppress(RedisError), self._redis.attempt():
                await self._write(key, stamp, value)
        return value

    async def drop(self, *keys: str) -> None:
        """Await this after the commit.

        Keys that do not reach Redis are dropped once it responds again; until then, other processes
        may use the old value, at most until it expires.
        """
        self._not_dropped.update(keys)
        with suppress(RedisError), self._redis.attempt():
            await self._delete_stamps()

    async def _delete_stamps(self) -> None:
        keys, self._not_dropped = self._not_dropped, set()
        if not keys:
            return
        try:
            await self._redis.client.delete(*map(self._stamp_key, keys))
        except (CancelledError, RedisError):
            self._not_dropped |= keys
            raise

    async def _read(self, key: str) -> tuple[str, str]:
        found = await self._redis.client.mget(self._stamp_key(key), self._value_key(key))
        stamp, entry = [str(value or "") for value in found]
        return stamp, entry

    async def _new_stamp(self, key: str) -> str:
        stamp = uuid4().hex
        # A stamp that outlives its value is reused for the next one.
        await self._redis.client.set(self._stamp_key(key), stamp, ex=10 * self._seconds)
        return stamp

    async def _write(self, key: str, stamp: str, value: T) -> None:
        entry = f"{stamp} {self._adapter.dump_json(value).decode()}"
        await self._redis.client.set(self._value_key(key), entry, ex=self._seconds)

    def _stamp_key(self, key: str) -> str:
        return f"{self._value_key(key)}:stamp"

    def _value_key(self, key: str) -> str:
        return f"{self._prefix}:{key}"
