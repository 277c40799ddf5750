import asyncio
from collections.abc import AsyncGenerator

import pytest
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.redis import SharedRedis, open_redis
from tests.conftest import settings_for
from tests.support.redis_server import Clock, RedisServer
from tests.support.redis_server import clock as clock
from tests.support.redis_server import server as server


@pytest.fixture
async def shared(settings: Settings, server: RedisServer) -> AsyncGenerator[SharedRedis]:
    async with open_redis(settings_for(settings.DATABASE_URL, REDIS_URL=server.url)) as shared:
        yield shared


async def ping(shared: SharedRedis) -> None:
    with shared.attempt():
        await shared.client.ping()


async def test_restart_between_commands_is_hidden(shared: SharedRedis, server: RedisServer) -> None:
    await asyncio.gather(*[ping(shared) for _ in range(5)])
    server.kill()
    server.start_again()

    await asyncio.gather(*[ping(shared) for _ in range(5)])


async def test_commands_wait_for_a_free_connection(shared: SharedRedis) -> None:
    await asyncio.gather(*[ping(shared) for _ in range(100)])


async def test_one_caller_waits_for_a_hung_server(
    shared: SharedRedis, server: RedisServer, clock: Clock
) -> None:
    async def has_waited() -> bool:
        with pytest.raises(RedisError) as error:
            await ping(shared)
        return isinstance(error.value, RedisTimeoutError)

    await ping(shared)
    server.stop()
    assert await has_waited()

    assert [await has_waited() for _ in range(20)] == [False] * 20
    clock.end_the_pause()
    waited = await asyncio.gather(*[has_waited() for _ in range(20)])
    assert waited.count(True) == 1

    server.resume()
    clock.end_the_pause()
    await ping(shared)


async def test_loss_and_return_are_logged_once(
    shared: SharedRedis, server: RedisServer, clock: Clock
) -> None:
    with capture_logs() as logs:
        await ping(shared)
        server.kill()
        for _ in range(3):
            with pytest.raises(RedisError):
                await ping(shared)
        clock.end_the_pause()
        with pytest.raises(RedisError):
            await ping(shared)
        server.start_again()
        clock.end_the_pause()
        await ping(shared)
        await ping(shared)

    assert [log["event"] for log in logs] == ["redis_unavailable", "redis_recovered"]


async def test_log_names_error_without_password(settings: Settings, server: RedisServer) -> None:
    url = server.url.replace("//", "//ada:hunter2@")
    with capture_logs() as logs:
        async with open_redis(settings_for(settings.DATABASE_URL, REDIS_URL=url)) as shared:
            with pytest.raises(RedisError):
                await ping(shared)

    assert logs == [
        {"event": "redis_unavailable", "error": "AuthenticationError", "log_level": "error"}
    ]
