"""Each operation gets what no well-meant client sends: it is refused, and never a defect."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import UserRole
from app.schemas.common import Input
from tests.support.bodies import Documented, documented
from tests.support.operations import make_tenant
from tests.support.problems import assert_problem
from tests.support.service import Service

SECRET = "hunter2"
JSON = {"Content-Type": "application/json"}
HOSTILE_BODIES: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "huge numbers": lambda body: _filled(body, 10**30),
    "no numbers": lambda body: _filled(body, float("nan")),
    "nulls": lambda body: _filled(body, None),
    "objects": lambda body: _filled(body, {SECRET: [SECRET]}),
    "long texts": lambda body: _filled(body, SECRET * 3000),
    "the last of two is wrong": lambda body: _twice(body, b"[]"),
}
HOSTILE_IDS = ["0", "..%2f..%2fhealth", "x" * 5000]
UNREADABLE = ["%00", "%ff", "%ed%a0%80"]
HOSTILE_VALUES = ["", "-1", "9" * 30, "1e9", "NaN", "[]", *UNREADABLE, "'--" + SECRET]


def _filled(body: dict[str, Any], value: object) -> bytes:
    return json.dumps(dict.fromkeys(body, value)).encode()


def _twice(body: dict[str, Any], value: bytes) -> bytes:
    fields = b",".join(b"%s: %s" % (json.dumps(name).encode(), value) for name in body)
    return json.dumps(body).encode()[:-1] + b"," + fields + b"}"


@pytest.fixture
def operations(service: Service) -> list[Documented]:
    return documented(service.app)


@pytest.fixture
def with_body(operations: list[Documented]) -> list[Documented]:
    return [operation for operation in operations if operation.body]


@pytest.fixture
async def powerful(service: Service, session: AsyncSession) -> tuple[AsyncClient, dict[str, Any]]:
    """Somebody with every right, so that what is refused is not refused for lack of one."""
    user, ids = await make_tenant(session)
    user.role = UserRole.ADMIN
    await session.commit()
    return await service.sign_in(user), ids


def assert_refused(response: Response) -> None:
    assert 400 <= response.status_code < 500, response.text
    assert_problem(response, response.status_code)
    assert SECRET not in response.text


@pytest.mark.parametrize("kind", HOSTILE_BODIES)
async def test_a_body_of_nonsense_is_refused(
    kind: str, with_body: list[Documented], powerful: tuple[AsyncClient, dict[str, Any]]
) -> None:
    client, ids = powerful
    for each in with_body:
        content = HOSTILE_BODIES[kind](each.body)
        path = each.path.format(**ids)
        assert_refused(await client.request(each.method, path, content=content, headers=JSON))


@pytest.mark.parametrize("media_type", ["", "text/plain"])
async def test_a_body_that_does_not_claim_to_be_json_is_not_read_as_such(
    media_type: str, with_body: list[Documented], powerful: tuple[AsyncClient, dict[str, Any]]
) -> None:
    """Any page may send these to any server without asking (CORS)."""
    client, ids = powerful
    headers = {"Content-Type": media_type} if media_type else {}
    for each in with_body:
        content = json.dumps(each.body).encode()
        path = each.path.format(**ids)
        assert_problem(
            await client.request(each.method, path, content=content, headers=headers), 422
        )


@pytest.mark.parametrize("spoiled", ["\0", "\x1b[2J", "\ud800"])
async def test_text_is_refused_where_it_could_do_harm(
    spoiled: str, with_body: list[Documented], powerful: tuple[AsyncClient, dict[str, Any]]
) -> None:
    client, ids = powerful
    for each in with_body:
        for name in set(each.text) - set(each.secrets if spoiled != "\ud800" else ()):
            body = json.dumps(each.body | {name: f"{each.body[name]}{spoiled}{SECRET}"})
            path = each.path.format(**ids)
            response = await client.request(each.method, path, content=body, headers=JSON)
            assert_refused(response)
            assert f"body.{name}" in [error["field"] for error in response.json()["errors"]]


@pytest.mark.parametrize("value", HOSTILE_IDS)
async def test_a_path_of_nonsense_leads_nowhere(
    value: str, operations: list[Documented], powerful: tuple[AsyncClient, dict[str, Any]]
) -> None:
    client, ids = powerful
    for each in operations:
        if "{" in each.path:
            path = each.path.format(**dict.fromkeys(ids, value))
            assert_refused(await client.request(each.method, path, json=each.body))


@pytest.mark.parametrize("value", HOSTILE_VALUES)
async def test_a_query_of_nonsense_is_no_defect(
    value: str, operations: list[Documented], powerful: tuple[AsyncClient, dict[str, Any]]
) -> None:
    client, ids = powerful
    for each in operations:
        for name in each.query:
            path = f"{each.path.format(**ids)}?{name}={value}&{name}={value}"
            response = await client.request(each.method, path)
            if value in UNREADABLE or response.status_code != 200:
                assert_refused(response)


def test_every_body_refuses_fields_that_it_does_not_know(service: Service) -> None:
    document = service.app.openapi()
    bodies = {
        content["schema"]["$ref"].rpartition("/")[2]
        for operations in document["paths"].values()
        for operation in operations.values()
        for content in operation.get("requestBody", {"content": {}})["content"].values()
    }

    assert bodies
    for name in bodies:
        assert document["components"]["schemas"][name]["additionalProperties"] is False, name
    assert Input.model_config["extra"] == "forbid"
