import gzip
import json
from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from app.core.config import Settings
from tests.support.logins import LOGIN
from tests.support.service import assert_problem

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b'{"email": "a@exam', 422),
        (b"null", 422),
        (b"[]", 422),
        (b"7", 422),
        (b'{"email": NaN, "password": -Infinity}', 422),
        (b'{"email": "a@example.com", "password": %s}' % (b"9" * 5000), 400),
        (b'{"email": "\xff\xfe", "password": "x"}', 400),
        (rb'{"email": "\ud800@example.com", "password": "x"}', 422),
        (rb'{"email": "a@example.com", "password": "\ud800"}', 422),
        (rb'{"email": "a@example.com", "password": "x", "\ud800": 1}', 422),
        (rb'{"email": "a\u0000@example.com", "password": "x"}', 422),
        (rb'{"email": "a@example.com", "password": "\u0000"}', 401),
        (b'{"email": "a@example.com", "email": [], "password": "x"}', 422),
        (b'\xef\xbb\xbf{"email": "a@example.com"}', 422),
        (gzip.compress(b'{"email": "a@example.com", "password": "x"}', mtime=0), 400),
    ],
)
async def test_unreadable_body_is_rejected(client: AsyncClient, body: bytes, status: int) -> None:
    assert_problem(await client.post(LOGIN, content=body, headers=JSON), status)


@pytest.mark.parametrize(
    "media_type", ["application/x-www-form-urlencoded", "multipart/form-data; \xff", "x", "a/b/c"]
)
async def test_other_media_type_gets_422(client: AsyncClient, media_type: str) -> None:
    body = b'{"email": "a@example.com", "password": "x"}'

    response = await client.post(
        LOGIN, content=body, headers={b"Content-Type": media_type.encode("latin-1")}
    )

    assert_problem(response, 422)


@pytest.mark.parametrize(
    "body",
    [b"[" * 5000, b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000],
)
async def test_deeply_nested_body_is_rejected(client: AsyncClient, body: bytes) -> None:
    response = await client.post(LOGIN, content=body, headers=JSON)

    # 400 where this Python's parser gives up, 422 where it reads on and finds no credentials.
    assert_problem(response, 400 if response.status_code == 400 else 422)


@pytest.mark.parametrize("length", [None, "2", "-1", "many", "9" * 5000, "true"])
async def test_body_over_the_limit_gets_413(
    client: AsyncClient, settings: Settings, length: str | None
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(settings.MAX_BODY_BYTES // 65536 + 1):
            yield b" " * 65536

    if length == "true":
        length = str((settings.MAX_BODY_BYTES // 65536 + 1) * 65536)
    headers = JSON | ({"Content-Length": length} if length else {})
    response = await client.post(LOGIN, content=chunks(), headers=headers)

    assert_problem(response, 413)
    assert str(settings.MAX_BODY_BYTES) in response.json()["detail"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_body_at_the_limit_is_read(client: AsyncClient, settings: Settings) -> None:
    body = json.dumps({"email": "a@example.com", "password": "x"}).encode()

    response = await client.post(LOGIN, content=body.ljust(settings.MAX_BODY_BYTES), headers=JSON)

    assert response.status_code == 401
