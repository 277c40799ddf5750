"""The OpenAPI document: every error answer is a problem document, under its own media type."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.errors import MEDIA_TYPE, problems
from app.schemas.common import Problem

ALWAYS = {400, 500, 503}
WITH_BODY = {413}
REF = "#/components/schemas/{model}"


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
    for path in document["paths"].values():
        for operation in path.values():
            _describe_errors(operation)
    return document


def _describe_errors(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    usual = ALWAYS | (WITH_BODY if "requestBody" in operation else set())
    for status, answer in problems(*usual).items():
        answers.setdefault(str(status), answer)
    for status, answer in answers.items():
        if status >= "400":
            answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
    operation["responses"] = dict(sorted(answers.items()))
