import re
from collections.abc import Iterator

import pytest
from httpx import AsyncClient

from tests.support.catalogue import Caller
from tests.support.examples import Schema
from tests.support.operations import ENTRIES
from tests.support.service import Service

SELF_EXPLAINING = {"date", "date-time", "uuid"}


@pytest.fixture
def document(shared_service: Service) -> Schema:
    return shared_service.app.openapi()


@pytest.fixture
def operations(document: Schema) -> list[Schema]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_every_operation_is_described(operations: list[Schema]) -> None:
    for operation in operations:
        assert {"summary", "description", "tags"} <= operation.keys(), operation["operationId"]
        assert len(operation["tags"]) == 1


def test_operation_ids_are_unique_function_names(operations: list[Schema]) -> None:
    ids = [operation["operationId"] for operation in operations]

    assert len(ids) == len(set(ids))
    assert [name for name in ids if not re.fullmatch("[a-z]+(_[a-z0-9]+)*", name)] == []


def test_only_public_operations_need_no_token(document: Schema, operations: list[Schema]) -> None:
    public = {each["operationId"] for each in operations if not each.get("security")}

    listed = {name for name, entry in ENTRIES.items() if entry.caller is Caller.ANYBODY}
    assert public == listed | {"health", "readiness"}
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_error_is_a_problem_with_an_example(operations: list[Schema]) -> None:
    for operation in operations:
        answers = operation["responses"]
        assert {"400", "500"} <= answers.keys()
        for status, answer in answers.items():
            if status >= "400":
                (media_type,) = answer["content"]
                content = answer["content"][media_type]
                assert media_type == "application/problem+json"
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert content["example"]["status"] == int(status)


def test_responses_429_and_503_have_retry_after(operations: list[Schema]) -> None:
    for operation in operations:
        for status in {"429", "503"} & operation["responses"].keys():
            assert "Retry-After" in operation["responses"][status]["headers"]


def test_response_204_has_no_content(operations: list[Schema]) -> None:
    empty = [each["responses"]["204"] for each in operations if "204" in each["responses"]]

    assert empty
    assert not any("content" in answer for answer in empty)


def test_every_text_has_examples(document: Schema, operations: list[Schema]) -> None:
    contents = [
        (operation["operationId"], content["schema"])
        for operation in operations
        for body in (operation.get("requestBody", {}), *_successes(operation))
        for content in body.get("content", {}).values()
    ]

    unexplained = [
        f"{name}: {field}" for name, schema in contents for field in _unexplained(document, schema)
    ]

    assert contents
    assert unexplained == []


def test_no_response_has_a_password_or_hash(document: Schema, operations: list[Schema]) -> None:
    for operation in operations:
        for answer in _successes(operation):
            for content in answer.get("content", {}).values():
                fields = set(_fields(document, content["schema"]))
                assert not [name for name in fields if re.search("password|hash|secret", name)]


def test_repeatable_responses_hold_no_token_or_key(document: Schema) -> None:
    """Responses to GET are compressed, and responses to requests with a key are stored."""
    for method, operation in (each for path in document["paths"].values() for each in path.items()):
        headers = {each["name"] for each in operation.get("parameters", [])}
        read_twice = method == "get" or "Idempotency-Key" in headers
        for answer in _successes(operation) if read_twice else []:
            for content in answer.get("content", {}).values():
                fields = set(_fields(document, content["schema"]))
                assert not [name for name in fields if re.search("token|key$", name)]


def test_every_schema_exists_and_is_used(document: Schema) -> None:
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))

    assert used == document["components"]["schemas"].keys()


def test_every_path_parameter_is_declared(document: Schema) -> None:
    for path, path_operations in document["paths"].items():
        for operation in path_operations.values():
            declared = {
                each["name"] for each in operation.get("parameters", []) if each["in"] == "path"
            }
            assert declared == set(re.findall(r"{(\w+)}", path))


def test_every_query_parameter_is_described(operations: list[Schema]) -> None:
    unexplained = [
        f"{operation['operationId']}: {each['name']}"
        for operation in operations
        for each in operation.get("parameters", [])
        if each["in"] == "query" and "description" not in each
    ]

    assert unexplained == []


async def test_documentation_is_served(client: AsyncClient) -> None:
    page = await client.get("/api/v1/docs")

    assert page.status_code == 200
    assert "/api/v1/openapi.json" in page.text
    assert (await client.get("/api/v1/openapi.json")).json()["openapi"].startswith("3.1")


def _successes(operation: Schema) -> list[Schema]:
    return [answer for status, answer in operation["responses"].items() if status < "400"]


def _resolve(document: Schema, schema: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved: Schema = document["components"]["schemas"][name] if name else schema
    return resolved


def _fields(document: Schema, schema: Schema) -> Iterator[str]:
    """Yield the names of all properties, including nested ones."""
    schema = _resolve(document, schema)
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from _fields(document, field)
    for part in (*schema.get("anyOf", []), *filter(None, [schema.get("items")])):
        yield from _fields(document, part)


def _unexplained(document: Schema, schema: Schema, name: str = "body") -> Iterator[str]:
    """Yield the text fields without an example."""
    schema = _resolve(document, schema)
    if schema.keys() & {"examples", "enum", "const", "default"}:
        return
    if schema.get("type") == "string" and schema.get("format") not in SELF_EXPLAINING:
        yield name
    for field, part in schema.get("properties", {}).items():
        yield from _unexplained(document, part, field)
    for part in (*schema.get("anyOf", []), *filter(None, [schema.get("items")])):
        yield from _unexplained(document, part, name)
