"""What a browser lets pages of other origins do."""

import pytest
from httpx import AsyncClient, Response

from app.core.config import Settings
from tests.api.test_http import client_of_another
from tests.support.problems import assert_problem

ORIGIN = "http://localhost:3000"


async def ask(client: AsyncClient, **changes: str) -> Response:
    """Send a browser's preflight."""
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    return await client.options("/api/v1/users/me", headers=headers | changes)


async def test_allowed_origin_may_call_and_send_our_headers(client: AsyncClient) -> None:
    response = await ask(client)

    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize("origin", ["https://evil.example", f"{ORIGIN}.evil.example", "null"])
async def test_other_origin_is_rejected(client: AsyncClient, origin: str) -> None:
    response = await client.get("/health", headers={"Origin": origin})

    assert "access-control-allow-origin" not in response.headers
    refused = await ask(client, Origin=origin)
    assert_problem(refused, 400)
    assert "access-control-allow-origin" not in refused.headers
    assert "Origin" in refused.headers["vary"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("Access-Control-Request-Method", "TRACE"), ("Access-Control-Request-Headers", "X-Admin")],
)
async def test_other_method_or_header_gets_400(client: AsyncClient, name: str, value: str) -> None:
    assert_problem(await ask(client, **{name: value}), 400)


async def test_origins_come_from_the_settings(settings: Settings) -> None:
    origin = "https://app.example.com"
    async with client_of_another(settings, CORS_ORIGINS=(origin,)) as client:
        response = await client.get("/health", headers={"Origin": origin})

    assert response.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nowhere", b"", 404),
        ("GET", "/api/v1/users/me", b"", 401),
        ("GET", "/api/v1/users/%00", b"", 400),
        ("PUT", "/api/v1/users/me", b"", 405),
        ("POST", "/api/v1/auth/login", b"{}", 422),
        ("POST", "/api/v1/auth/login", b" " * 1_048_577, 413),
    ],
)
async def test_allowed_origin_reads_errors_and_our_headers(
    client: AsyncClient, method: str, path: str, content: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json", "Origin": ORIGIN}
    response = await client.request(method, path, content=content, headers=headers)

    assert_problem(response, status)
    assert response.headers["access-control-allow-origin"] == ORIGIN
    for name in ("X-Request-ID", "Idempotent-Replayed"):
        assert name in response.headers["access-control-expose-headers"]
