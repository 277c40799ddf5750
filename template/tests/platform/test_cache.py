import asyncio
from collections.abc import AsyncGenerator, Iterator

import pytest
from pydantic import BaseModel

from app.core.cache import Cache
from app.core.config import Settings
from app.core.redis import SharedRedis, open_redis
from tests.conftest import settings_for
from tests.support.redis_server import Clock, RedisServer, open_redis_server
from tests.support.redis_server import clock as clock
from tests.support.waiting import NEVER, PATIENCE, patience

SECONDS = int(NEVER)


class Page(BaseModel):
    text: str


class Book:
    """A source of one page, which counts its reads."""

    def __init__(self) -> None:
        self.text = "old"
        self.reads = 0
        self.begun = asyncio.Event()
        self.released = asyncio.Event()
        self.released.set()

    async def read(self) -> Page:
        self.reads += 1
        page = Page(text=self.text)
        self.begun.set()
        await self.released.wait()
        return page


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with open_redis_server() as server:
        yield server


@pytest.fixture
async def redis(settings: Settings, server: RedisServer) -> AsyncGenerator[SharedRedis]:
    async with open_redis(settings_for(settings.DATABASE_URL, REDIS_URL=server.url)) as redis:
        await redis.client.flushdb()
        yield redis


@pytest.fixture
def cache(redis: SharedRedis) -> Cache[Page]:
    return Cache(redis, "page", Page, seconds=SECONDS)


async def text(cache: Cache[Page], book: Book) -> str:
    return (await cache.get("1", book.read)).text


async def test_value_is_loaded_once(cache: Cache[Page], book: Book) -> None:
    assert [await text(cache, book) for _ in range(3)] == ["old"] * 3

    assert book.reads == 1


async def test_hit_is_one_command(cache: Cache[Page], redis: SharedRedis, book: Book) -> None:
    await text(cache, book)
    before = await commands(redis)
    await text(cache, book)

    assert await commands(redis) - before == 2  # one of them is the INFO that counts


async def test_value_expires(cache: Cache[Page], redis: SharedRedis, book: Book) -> None:
    await text(cache, book)
    (key,) = await redis.client.keys("*:page:1")
    assert SECONDS - PATIENCE < await redis.client.ttl(key) <= SECONDS
    book.text = "new"
    await redis.client.pexpire(key, 0)

    assert await text(cache, book) == "new"


async def test_dropped_value_is_loaded_again(cache: Cache[Page], book: Book) -> None:
    await text(cache, book)
    book.text = "new"
    await cache.drop("1", "2")

    assert await text(cache, book) == "new"
    assert await text(cache, book) == "new"
    assert book.reads == 2


@pytest.mark.parametrize("read_before", [True, False])
async def test_value_read_before_a_drop_is_not_cached(
    cache: Cache[Page], book: Book, *, read_before: bool
) -> None:
    slow = Book()
    slow.released.clear()
    reader = asyncio.create_task(text(cache, slow))
    async with patience():
        await slow.begun.wait()

    book.text = "new"
    await cache.drop("1")
    if read_before:
        assert await text(cache, book) == "new"
    slow.released.set()

    assert await reader == "old"
    assert await text(cache, book) == "new"
    assert await text(cache, book) == "new"


async def test_names_and_services_are_separate(redis: SharedRedis, book: Book) -> None:
    namesakes = [
        Cache(redis, "page", Page, seconds=SECONDS),
        Cache(redis, "chapter", Page, seconds=SECONDS),
        Cache(SharedRedis(redis.client, "another-service"), "page", Page, seconds=SECONDS),
    ]
    for cache in namesakes:
        await text(cache, book)

    assert book.reads == 3


@pytest.mark.parametrize("garbage", [b"", b"nonsense", b'{"title": 1}', b"\xff\xfe"])
async def test_unreadable_value_is_loaded_again(
    cache: Cache[Page], redis: SharedRedis, book: Book, garbage: bytes
) -> None:
    await text(cache, book)
    for key in await redis.client.keys("*:page:1"):
        entry = str(await redis.client.get(key))
        stamp = entry.partition(" ")[0].encode()
        await redis.client.set(key, stamp + b" " + garbage)
    book.text = "new"

    assert await text(cache, book) == "new"


@pytest.mark.parametrize("outage", ["kill", "stop"])
async def test_values_are_loaded_without_redis(
    cache: Cache[Page], server: RedisServer, book: Book, outage: str
) -> None:
    await text(cache, book)
    getattr(server, outage)()
    book.text = "new"

    assert [await text(cache, book) for _ in range(3)] == ["new"] * 3

    getattr(server, {"kill": "start_again", "stop": "resume"}[outage])()


async def test_failed_drop_is_repeated_after_the_outage(
    cache: Cache[Page], redis: SharedRedis, server: RedisServer, book: Book, clock: Clock
) -> None:
    await text(cache, book)
    server.stop()
    await (
        redis.client.connection_pool.disconnect()
    )  # otherwise Redis would execute it after `resume`
    book.text = "new"
    await cache.drop("1")
    server.resume()

    assert await text(cache, book) == "new"
    clock.end_the_pause()
    assert await text(cache, book) == "new"
    assert await text(cache, book) == "new"


async def commands(redis: SharedRedis) -> int:
    return int((await redis.client.info("stats"))["total_commands_processed"])
