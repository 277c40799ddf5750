"""Hostile requests to every operation: each is rejected, and none causes a 500."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.schemas.common import Input
from tests.support.catalogue import Values
from tests.support.operations import Operation, make_superuser, operations_of
from tests.support.service import Service, assert_problem

SECRET = "hunter2"
HOSTILE_BODIES: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "huge numbers": lambda body: _filled(body, 10**30),
    "no numbers": lambda body: _filled(body, float("nan")),
    "nulls": lambda body: _filled(body, None),
    "objects": lambda body: _filled(body, {"x": [SECRET]}),
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


Superuser = tuple[AsyncClient, Values]


@pytest.fixture
def operations(service: Service) -> list[Operation]:
    return operations_of(service)


@pytest.fixture
def with_body(operations: list[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.fields]


@pytest.fixture
async def superuser(service: Service, session: AsyncSession) -> Superuser:
    """A caller with every right, so that nothing is rejected for lack of one."""
    return await make_superuser(service, session)


async def send(
    client: AsyncClient,
    operation: Operation,
    values: Values,
    content: bytes | str,
    media_type: str = "application/json",
) -> Response:
    headers = {"Content-Type": media_type} if media_type else {}
    path = operation.path.format(**values)
    return await client.request(operation.method, path, content=content, headers=headers)


def assert_rejected(response: Response) -> None:
    assert 400 <= response.status_code < 500, response.text
    assert_problem(response, response.status_code)
    assert SECRET not in response.text


@pytest.mark.parametrize("kind", HOSTILE_BODIES)
async def test_nonsense_in_a_body_is_rejected(
    kind: str, with_body: list[Operation], superuser: Superuser
) -> None:
    client, values = superuser
    for each in with_body:
        content = HOSTILE_BODIES[kind](each.body(values) or {})
        assert_rejected(await send(client, each, values, content))


@pytest.mark.parametrize("media_type", ["", "text/plain"])
async def test_other_media_type_is_not_read_as_json(
    media_type: str, with_body: list[Operation], superuser: Superuser
) -> None:
    """A page of any origin may send these without a preflight (CORS)."""
    client, values = superuser
    for each in with_body:
        content = json.dumps(each.body(values))
        assert_problem(await send(client, each, values, content, media_type), 422)


@pytest.mark.parametrize("spoiled", ["\0", "\x1b[2J", "\ud800"])
async def test_control_characters_and_broken_unicode_are_rejected(
    spoiled: str, with_body: list[Operation], superuser: Superuser
) -> None:
    """Passwords and tokens may hold control characters: they are only hashed."""
    client, values = superuser
    for each in with_body:
        body = each.body(values) or {}
        for name, field in each.fields.items():
            secret = field.get("format") == "password"
            if is_free_text(field) and not (secret and spoiled != "\ud800"):
                content = json.dumps(body | {name: f"{body[name]}{spoiled}{SECRET}"})
                response = await send(client, each, values, content)
                assert_rejected(response)
                assert f"body.{name}" in [error["field"] for error in response.json()["errors"]]


def is_free_text(field: dict[str, Any]) -> bool:
    free = "enum" not in field and field.get("format", "email") in {"email", "password"}
    return field.get("type") == "string" and free


@pytest.mark.parametrize("value", HOSTILE_IDS)
async def test_nonsense_in_a_path_is_rejected(
    value: str, operations: list[Operation], superuser: Superuser
) -> None:
    client, values = superuser
    for each in operations:
        if "{" in each.path:
            hostile: Values = dict.fromkeys(values, value)
            assert_rejected(await each.call(client, hostile, each.body(values)))


@pytest.mark.parametrize("value", HOSTILE_VALUES)
async def test_nonsense_in_a_query_causes_no_500(
    value: str, operations: list[Operation], superuser: Superuser
) -> None:
    client, values = superuser
    for each in operations:
        for name in each.query:
            path = f"{each.path.format(**values)}?{name}={value}&{name}={value}"
            response = await client.request(each.method, path)
            if value in UNREADABLE or response.status_code != 200:
                assert_rejected(response)


def test_every_body_rejects_unknown_fields(service: Service) -> None:
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
