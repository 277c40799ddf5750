import pytest
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.main import create_app
from tests.support.factories import make_admin, make_user
from tests.support.logins import LOGIN
from tests.support.service import Service, assert_problem

ORIGIN = "http://localhost:3000"


def client_of_another(settings: Settings, **changes: object) -> AsyncClient:
    """Return a client of an app with other settings, for requests without a database."""
    app = create_app(settings.model_copy(update=changes))
    return AsyncClient(transport=ASGITransport(app), base_url="http://test")


async def test_every_response_has_the_security_headers(client: AsyncClient) -> None:
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for response in (
        await client.get("/health"),
        await client.get("/nowhere"),
        await client.get("/api/v1/users/me"),
        await client.options("/health", headers=preflight),
    ):
        headers = response.headers
        assert len(headers["x-request-id"]) == 36
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "server" not in headers


@pytest.mark.parametrize(("environment", "strict"), [("development", False), ("production", True)])
async def test_deployment_sends_hsts(settings: Settings, environment: str, strict: bool) -> None:
    async with client_of_another(settings, ENVIRONMENT=environment) as client:
        response = await client.get("/health")

    assert ("strict-transport-security" in response.headers) is strict


@pytest.mark.parametrize("path", ["docs", "docs/", "redoc"])
async def test_documentation_may_load_its_scripts(client: AsyncClient, path: str) -> None:
    response = await client.get(f"/api/v1/{path}")

    assert response.status_code == 200
    assert "content-security-policy" not in response.headers
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_request_keeps_its_id(client: AsyncClient) -> None:
    response = await client.get("/nowhere", headers={"X-Request-ID": "call-7.a_B"})

    assert response.headers["x-request-id"] == "call-7.a_B"
    assert response.json()["request_id"] == "call-7.a_B"


@pytest.mark.parametrize("given", ["", "a b", "a\tb", "x" * 65, "<script>", "é"])
async def test_invalid_request_id_is_replaced(client: AsyncClient, given: str) -> None:
    response = await client.get("/health", headers={b"X-Request-ID": given.encode()})

    assert response.headers["x-request-id"] != given
    assert len(response.headers["x-request-id"]) == 36


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.example.com", 404),
        ("API.Example.com:8443", 404),
        ("eu.example.org", 404),
        ("evil.example", 400),
        ("example.org", 400),
        ("api.example.com.evil.example", 400),
        ("api.example.com@evil.example", 400),
        ("evil.example/.example.org", 400),
        ("evil.example,eu.example.org", 400),
        ("", 400),
    ],
)
async def test_only_allowed_hosts_are_served(settings: Settings, host: str, status: int) -> None:
    hosts = ("api.example.com", "*.example.org")
    async with client_of_another(settings, ALLOWED_HOSTS=hosts) as client:
        response = await client.get("/nowhere", headers={"Host": host})

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


async def test_two_host_headers_are_rejected(settings: Settings) -> None:
    hosts = [("Host", "api.example.com"), ("Host", "evil.example")]
    async with client_of_another(settings, ALLOWED_HOSTS=("api.example.com",)) as client:
        for headers in (hosts, hosts[::-1]):
            assert (await client.get("/nowhere", headers=headers)).status_code == 400


async def test_health_answers_any_host(settings: Settings) -> None:
    async with client_of_another(settings, ALLOWED_HOSTS=("api.example.com",)) as client:
        response = await client.get("/health", headers={"Host": "10.0.0.7:8000"})

    assert response.status_code == 200


async def test_trailing_slash_makes_no_difference(service: Service, session: AsyncSession) -> None:
    admin = await service.sign_in(await make_admin(session))

    for path in ("/api/v1/users", "/api/v1/users/", "/api/v1/users/me", "/api/v1/users/me/"):
        response = await admin.get(path, headers={"Host": "evil.example"})

        assert response.status_code == 200
        assert not response.history


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/", "//evil.example/", "/api/v1/users//"])
async def test_no_path_is_redirected(client: AsyncClient, path: str) -> None:
    response = await client.get(f"http://test{path}")

    assert response.status_code in {401, 404}
    assert "location" not in response.headers


@pytest.mark.parametrize(("users", "encoding"), [(10, "gzip"), (0, None)])
async def test_long_response_is_compressed(
    service: Service, session: AsyncSession, users: int, encoding: str | None
) -> None:
    for _ in range(users):
        await make_user(session)
    admin = await service.sign_in(await make_admin(session))

    response = await admin.get("/api/v1/users/")

    assert (len(response.content) > 1000) is bool(encoding)
    assert response.headers.get("content-encoding") == encoding
    assert ("Accept-Encoding" in response.headers.get("vary", "")) is bool(encoding)


async def test_response_that_may_hold_a_secret_is_not_compressed(client: AsyncClient) -> None:
    long = {"email": "a@example.com", "password": "x"} | {f"field{n}": n for n in range(50)}

    response = await client.post(LOGIN, json=long)

    assert len(response.content) > 1000
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("users", "GET, HEAD, POST"),
        ("users/", "GET, HEAD, POST"),
        ("organizations/acme", "DELETE, GET, HEAD, PATCH"),
        ("auth/login", "POST"),
        ("users/me", "DELETE, GET, HEAD, PATCH"),
    ],
)
async def test_response_405_lists_the_methods(client: AsyncClient, path: str, methods: str) -> None:
    response = await client.put(f"/api/v1/{path}")

    assert response.status_code == 405
    assert response.headers["allow"] == methods


@pytest.mark.parametrize("path", ["/health", "/api/v1/openapi.json", "/api/v1/users/me"])
async def test_head_has_headers_of_get(service: Service, session: AsyncSession, path: str) -> None:
    client = await service.sign_in(await make_user(session))

    whole, head = await client.get(path), await client.head(path)

    assert head.status_code == whole.status_code == 200
    assert head.content == b""
    assert head.headers.pop("x-request-id") != whole.headers.pop("x-request-id")
    assert head.headers == whole.headers


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
