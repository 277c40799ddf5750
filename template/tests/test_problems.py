import json
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.exc import ProgrammingError

from app.core.config import Settings
from app.core.errors import Unavailable
from app.main import create_app
from tests.service import running

ORIGIN = "http://localhost:3000"
LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
REFRESH = "/api/v1/auth/refresh"
JSON = {"Content-Type": "application/json"}


def assert_problem(response: Response, status: int) -> None:
    """RFC 9457."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["instance"] == response.request.url.path
    assert problem["request_id"] == response.headers["x-request-id"]
    assert isinstance(problem["detail"], str)
    assert isinstance(problem["title"], str)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/users/me", 401),
        ("PUT", "/api/v1/users/me", 405),
        ("PUT", "/api/v1/users", 405),
        ("POST", LOGIN, 422),
        ("GET", "/api/v1/users/%00", 400),
        ("GET", "/api/v1/users/%ff", 400),
        ("GET", "/api/v1/users/?search=%00a", 400),
    ],
)
async def test_every_error_is_a_problem_document(
    client: AsyncClient, method: str, path: str, status: int
) -> None:
    assert_problem(await client.request(method, path), status)


async def test_a_wrong_method_is_told_the_right_ones(client: AsyncClient) -> None:
    response = await client.put("/api/v1/users/me")

    assert set(response.headers["allow"].split(", ")) <= {"GET", "PATCH"}


async def test_a_wrong_field_is_named_and_its_value_is_not_echoed(client: AsyncClient) -> None:
    body = {"email": "hunter2", "name": "hunter2" * 20, "password": "hunter2", "hunted": "hunter2"}

    response = await client.post(REGISTER, json=body)

    assert_problem(response, 422)
    fields = [error["field"] for error in response.json()["errors"]]
    assert fields == ["body.email", "body.name", "body.password", "body.hunted"]
    assert "hunter2" not in response.text


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
        (b"[" * 5000, 400),
        (b"[" * 5000 + b"]" * 5000, 400),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
        (b'{"email": "\xff\xfe", "password": "x"}', 400),
        (rb'{"email": "\ud800@example.com", "password": "x"}', 422),
        (rb'{"email": "a@example.com", "password": "\ud800"}', 422),
        (rb'{"email": "a@example.com", "password": "x", "\ud800": 1}', 422),
        (rb'{"email": "a\u0000@example.com", "password": "x"}', 422),
        (rb'{"email": "a@example.com", "password": "\u0000"}', 401),
    ],
)
async def test_a_body_that_is_nonsense_is_the_clients_error(
    client: AsyncClient, body: bytes, status: int
) -> None:
    assert_problem(await client.post(LOGIN, content=body, headers=JSON), status)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (REFRESH, rb'{"refresh_token": "\ud800"}'),
        (REGISTER, rb'{"email": "a@example.com", "name": "Ada", "password": "Aa1!aaaa\ud800"}'),
        (REGISTER, rb'{"email": "a@example.com", "name": "Ada\ud800", "password": "Aa1!aaaa"}'),
    ],
)
async def test_half_a_character_is_no_text(client: AsyncClient, path: str, body: bytes) -> None:
    assert_problem(await client.post(path, content=body, headers=JSON), 422)


@pytest.mark.parametrize("length", [None, "2", "-1", "many", "9" * 5000])
async def test_too_long_a_body_is_refused_whatever_its_header_says(
    client: AsyncClient, settings: Settings, length: str | None
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(settings.MAX_BODY_BYTES // 65536 + 1):
            yield b" " * 65536

    headers = JSON | ({"Content-Length": length} if length else {})
    response = await client.post(LOGIN, content=chunks(), headers=headers)

    assert_problem(response, 413)
    assert str(settings.MAX_BODY_BYTES) in response.json()["detail"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_too_long_a_body_with_its_true_length_is_refused(
    client: AsyncClient, settings: Settings
) -> None:
    body = b" " * (settings.MAX_BODY_BYTES + 1)

    assert_problem(await client.post(LOGIN, content=body, headers=JSON), 413)


async def test_a_body_of_the_largest_length_is_read(
    client: AsyncClient, settings: Settings
) -> None:
    body = json.dumps({"email": "a@example.com", "password": "x"}).encode()

    response = await client.post(LOGIN, content=body.ljust(settings.MAX_BODY_BYTES), headers=JSON)

    assert response.status_code == 401


@pytest.fixture
async def broken(settings: Settings) -> AsyncGenerator[AsyncClient]:
    """An app with routes that fail."""

    async def crash(secret: str) -> None:
        raise RuntimeError(f"{secret} on line 7 of a file")

    async def busy() -> None:
        raise Unavailable("Come back later.")

    async def late() -> None:
        raise TimeoutError

    async def wrong_sql() -> None:
        raise ProgrammingError("SELECT secret", {}, Exception("no such table"))

    app = create_app(settings)
    for route in (crash, busy, late, wrong_sql):
        app.add_api_route(f"/{route.__name__}", route)
    async with running(app) as service, service.client() as client:
        yield client


@pytest.mark.parametrize("path", ["/crash?secret=hunter2", "/wrong_sql"])
async def test_a_defect_is_a_500_that_leaks_nothing(broken: AsyncClient, path: str) -> None:
    response = await broken.get(path, headers={"Origin": ORIGIN})

    assert_problem(response, 500)
    assert response.json()["detail"] == "Something went wrong on our side."
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["x-frame-options"] == "DENY"


async def test_a_defect_is_logged_with_its_traceback_and_the_requests_id(
    broken: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await broken.get("/crash", params={"secret": "s"})

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    event = record.msg
    assert isinstance(event, dict)
    assert event["event"] == "unhandled_error"
    assert event["path"] == "/crash"
    assert event["request_id"] == response.headers["x-request-id"]
    assert record.exc_info or event["exc_info"]


@pytest.mark.parametrize("path", ["/busy", "/late"])
async def test_who_comes_at_a_bad_time_is_told_when_to_come_back(
    broken: AsyncClient, path: str
) -> None:
    response = await broken.get(path)

    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0


async def test_each_request_is_logged_once_without_its_query(
    broken: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    await broken.get("/nowhere", params={"token": "hunter2"})

    (event,) = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert (event["event"], event["path"], event["status"]) == ("request", "/nowhere", 404)
    assert "hunter2" not in str(event)
