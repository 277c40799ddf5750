"""The OpenAPI document: every error response is a problem document, with an example."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.errors import MEDIA_TYPE, RETRY_AFTER_SECONDS, problems
from app.api.idempotency import KEY, REPLAYED
from app.core.errors import DATABASE_UNAVAILABLE
from app.schemas.common import FieldProblem, Problem

ALWAYS = {400, 500}
WITH_BODY = {413}
REF = "#/components/schemas/{model}"
DETAILS = {
    400: "The body is not valid JSON",
    401: "Could not validate credentials",
    403: "Insufficient permissions",
    404: "Organization not found",
    409: "Slug already taken",
    413: "The body exceeds 1048576 bytes",
    422: "body.name: Field required",
    429: "Too many requests; try again in 5 s",
    500: "Something went wrong on our side",
    503: DATABASE_UNAVAILABLE,
}
HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": RETRY_AFTER_SECONDS},
    503: {"Retry-After": RETRY_AFTER_SECONDS},
}


class DocumentedAPI(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _document(self)
        return self.openapi_schema


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = Problem.model_json_schema(ref_template=REF)
    schemas |= {"Problem": problem} | problem.pop("$defs", {})
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _describe_errors(operation, path)
            if any(parameter["name"] == KEY for parameter in operation.get("parameters", ())):
                _describe_replays(operation["responses"])
    return document


def _describe_errors(operation: dict[str, Any], path: str) -> None:
    responses = operation["responses"]
    usual = ALWAYS | (WITH_BODY if "requestBody" in operation else set())
    for status, response in problems(*usual).items():
        responses.setdefault(str(status), response)
    for status, response in responses.items():
        if status >= "400":
            response |= _describe_error(HTTPStatus(int(status)), path)
    operation["responses"] = dict(sorted(responses.items()))


def _describe_replays(responses: dict[str, dict[str, Any]]) -> None:
    schema = {"type": "string", "enum": ["true"]}
    header = {"description": f"The response of an earlier request with the same `{KEY}`"}
    for status, response in responses.items():
        if status < "400":
            response.setdefault("headers", {})[REPLAYED] = header | {"schema": schema}
    responses["422"]["description"] += f", or the `{KEY}` belongs to another request"


def _describe_error(status: HTTPStatus, path: str) -> dict[str, Any]:
    detail = DETAILS.get(status, status.phrase)
    field, _, fault = detail.partition(": ")
    example = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=path,
        request_id="5f0c9c9a-3c1e-4f0e-9d5b-0b8f4f9a4c11",
        errors=[FieldProblem(field=field, detail=fault)] if status == 422 else None,
    )
    schema = {"$ref": REF.format(model="Problem")}
    content = {"schema": schema, "example": example.model_dump(exclude_none=True)}
    headers = {
        name: {"schema": {"type": "string"}, "example": value}
        for name, value in HEADERS.get(status, {}).items()
    }
    return {"content": {MEDIA_TYPE: content}} | ({"headers": headers} if headers else {})
