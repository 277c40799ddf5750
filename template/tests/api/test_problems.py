from collections.abc import AsyncGenerator

import pytest
from fastapi.responses import StreamingResponse
from httpx import ASGITransport, AsyncClient
from sqlalchemy.exc import ProgrammingError
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from app.core.config import Settings
from app.core.errors import Unavailable
from app.main import create_app
from tests.support.logins import LOGIN, REGISTER
from tests.support.service import assert_problem, running

ORIGIN = "http://localhost:3000"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/users/me", 401),
        ("PUT", "/api/v1/users/me", 405),
        ("PUT", "/api/v1/users", 405),
        ("OPTIONS", "/api/v1/users", 405),
        ("BREW", "/health", 405),
        ("BREW", "/api/v1/docs", 405),
        ("GET", "//", 404),
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


async def test_invalid_field_is_named_without_its_value(client: AsyncClient) -> None:
    body = {"email": "hunter2", "name": "hunter2" * 20, "password": "hunter2", "hunted": "hunter2"}

    response = await client.post(REGISTER, json=body)

    assert_problem(response, 422)
    fields = [error["field"] for error in response.json()["errors"]]
    assert fields == ["body.email", "body.name", "body.password", "body.hunted"]
    assert "hunter2" not in response.text


async def test_list_of_invalid_fields_is_bounded(client: AsyncClient) -> None:
    body = {f"{'long' * 1000}{number}": number for number in range(200)}

    response = await client.post(REGISTER, json=body)

    assert_problem(response, 422)
    assert len(response.content) < 10_000


@pytest.fixture
async def broken(settings: Settings) -> AsyncGenerator[AsyncClient]:
    """An app with routes that fail."""

    async def crash(secret: str) -> None:
        raise RuntimeError(f"{secret} on line 7 of a file")

    async def busy() -> None:
        raise Unavailable("Come back later.")

    async def wrong_sql() -> None:
        raise ProgrammingError("SELECT secret", {}, Exception("no such table"))

    async def interrupted() -> StreamingResponse:
        async def lines() -> AsyncGenerator[str]:
            yield "the first line\n"
            raise RuntimeError("before the second")

        return StreamingResponse(lines())

    app = create_app(settings)
    for route in (crash, busy, wrong_sql, interrupted):
        app.add_api_route(f"/{route.__name__}", route)
    transport = ASGITransport(app)
    async with running(app), AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("path", ["/crash?secret=hunter2", "/wrong_sql"])
async def test_bug_gets_500_that_leaks_nothing(broken: AsyncClient, path: str) -> None:
    response = await broken.get(path, headers={"Origin": ORIGIN})

    assert_problem(response, 500)
    assert response.json()["detail"] == "Something went wrong on our side"
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["x-frame-options"] == "DENY"


async def test_bug_is_logged_with_traceback_and_request_id(
    broken: AsyncClient,
) -> None:
    with capture_logs(processors=[merge_contextvars]) as events:
        response = await broken.get("/crash", params={"secret": "s"})

    (event,) = [event for event in events if event["log_level"] == "error"]
    assert event["event"] == "unhandled_error"
    assert event["path"] == "/crash"
    assert event["request_id"] == response.headers["x-request-id"]
    assert event["exc_info"]


async def test_response_503_has_retry_after(broken: AsyncClient) -> None:
    response = await broken.get("/busy")

    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0


async def test_request_is_logged_once_without_its_query(
    broken: AsyncClient,
) -> None:
    with capture_logs() as events:
        await broken.get("/nowhere", params={"token": "hunter2"})

    (event,) = events
    assert (event["event"], event["path"], event["status"]) == ("request", "/nowhere", 404)
    assert "hunter2" not in str(event)


async def test_interrupted_response_is_logged(
    broken: AsyncClient,
) -> None:
    with capture_logs() as events, pytest.raises(RuntimeError, match="before the second"):
        await broken.get("/interrupted")

    assert "unhandled_error" in [event["event"] for event in events]


async def test_control_characters_in_a_path_are_escaped_in_the_log(
    broken: AsyncClient,
) -> None:
    with capture_logs() as events:
        await broken.get("/%1b%5b31m")

    assert [event["path"] for event in events] == ["/%1B%5B31m"]
