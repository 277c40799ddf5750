"""Requests as the OpenAPI document describes them: what is right, before a test spoils it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from app.core.clock import utc_now

TEXT_FORMATS = {"email", "password"}
"""Other formats, such as uuid, leave no room for free text."""


@dataclass(frozen=True)
class Documented:
    """An operation; `body` has a right value for each of its fields, `text` names the free texts,
    `secrets` those among them that are only hashed and compared."""

    name: str
    method: str
    path: str
    query: list[str]
    body: dict[str, Any]
    text: list[str]
    secrets: list[str]


def documented(app: FastAPI) -> list[Documented]:
    document = app.openapi()
    return [
        _documented(document, method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]


def _documented(
    document: dict[str, Any], method: str, path: str, operation: dict[str, Any]
) -> Documented:
    contents = operation.get("requestBody", {"content": {}})["content"].values()
    fields: dict[str, dict[str, Any]] = {}
    for content in contents:
        properties = _resolved(document, content["schema"])["properties"]
        fields = {name: _resolved(document, field) for name, field in properties.items()}
    parameters = operation.get("parameters", [])
    text = [name for name, field in fields.items() if _is_text(field)]
    return Documented(
        name=operation["operationId"],
        method=method,
        path=path,
        query=[each["name"] for each in parameters if each["in"] == "query"],
        body={name: _example(document, field) for name, field in fields.items()},
        text=text,
        secrets=[name for name in text if fields[name].get("format") == "password"],
    )


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """With what it refers to; of two types the first, as the second is null."""
    if "anyOf" in schema:
        return _resolved(document, schema["anyOf"][0]) | schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        referred: dict[str, Any] = document["components"]["schemas"][name]
        return referred | schema
    return schema


def _is_text(field: dict[str, Any]) -> bool:
    free = "enum" not in field and field.get("format", "email") in TEXT_FORMATS
    return field.get("type") == "string" and free


def _example(document: dict[str, Any], field: dict[str, Any]) -> object:
    match field:
        case {"examples": [example, *_]} | {"enum": [example, *_]}:
            return example
        case {"type": "array", "items": items}:
            return [_example(document, _resolved(document, items))]
        case {"format": "uuid"}:
            return str(uuid4())
        case {"format": "date-time"}:
            return (utc_now() + timedelta(hours=1)).isoformat()
        case {"type": "boolean"}:
            return True
    raise LookupError(f"No example can be made for {field}")
