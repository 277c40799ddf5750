"""Every error becomes a problem document (RFC 9457); routes declare which ones they return."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from app.core.errors import DATABASE_UNAVAILABLE, AppError, Invalid, InvalidToken, TooManyRequests
from app.db.conflicts import conflict_sentence
from app.db.dialect import is_conflict, is_outage
from app.schemas.common import FieldProblem, Problem

logger = structlog.stdlib.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "5"
MAX_REPORTED_ERRORS = 20
MAX_NAME_LENGTH = 100
HANDLED = (
    AppError,
    DBAPIError,
    HTTPException,
    PoolTimeoutError,
    RequestValidationError,
)


def problem_response(
    scope: Scope,
    status: int,
    detail: str,
    *,
    errors: list[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=scope["path"],
        request_id=scope["state"]["request_id"],
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route with these errors; `api/openapi.py` adds their content."""
    return {status: {"description": HTTPStatus(status).phrase} for status in statuses}


def add_error_handlers(app: FastAPI) -> None:
    for kind in HANDLED:
        app.add_exception_handler(kind, _handle)
    app.router.default = _not_found


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Starlette itself would answer 403 to anything but HTTP."""
    raise HTTPException(HTTPStatus.NOT_FOUND)


async def _handle(request: Request, error: Exception) -> Response:
    """Re-raise anything else: it is a bug, for which `LastResort` returns 500."""
    scope = request.scope
    match error:
        case Invalid():
            errors = [FieldProblem(field=f"body.{error.field}", detail=error.detail)]
            return problem_response(scope, error.status, error.detail, errors=errors)
        case AppError():
            return problem_response(scope, error.status, error.detail, headers=_headers(error))
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED):
            headers = {"Allow": _allowed_methods(request.app, scope["path"])}
            return problem_response(scope, error.status_code, str(error.detail), headers=headers)
        case HTTPException():
            detail = str(error.detail)
            return problem_response(scope, error.status_code, detail, headers=error.headers)
        case RequestValidationError():
            return _invalid_request(scope, error)
        case IntegrityError() if is_conflict(error):
            return problem_response(scope, HTTPStatus.CONFLICT, conflict_sentence(error))
        case _ if is_outage(error):
            logger.error("database_unavailable", error=type(error).__name__)
            headers = {"Retry-After": RETRY_AFTER_SECONDS}
            return problem_response(
                scope, HTTPStatus.SERVICE_UNAVAILABLE, DATABASE_UNAVAILABLE, headers=headers
            )
    raise error


def _allowed_methods(app: FastAPI, path: str) -> str:
    """The methods of a path; the router's own 405 lists those of one route."""
    for template, operations in app.openapi()["paths"].items():
        if compile_path(template)[0].match(path):
            methods = {*operations, "head"} if "get" in operations else operations
            return ", ".join(sorted(methods)).upper()
    return "GET, HEAD"  # the OpenAPI document lacks the documentation pages


def _headers(error: AppError) -> dict[str, str]:
    if isinstance(error, InvalidToken):
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    if isinstance(error, TooManyRequests):
        return _spent(error)
    if error.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": RETRY_AFTER_SECONDS}
    return {}


def _spent(error: TooManyRequests) -> dict[str, str]:
    """Headers in the format of draft-ietf-httpapi-ratelimit-headers-11."""
    return {
        "RateLimit": f'"{error.policy}";r=0;t={error.retry_after}',
        "RateLimit-Policy": f'"{error.policy}";q={error.quota};w={error.window}',
        "Retry-After": str(error.retry_after),
    }


def _invalid_request(scope: Scope, error: RequestValidationError) -> Response:
    """Report what is wrong and where, but never echo the input, which may hold a password.

    Cut the list and the names: a body may have a hundred thousand errors and any field names.
    """
    errors = [
        FieldProblem(
            field=".".join(str(part)[:MAX_NAME_LENGTH] for part in problem["loc"]),
            detail=problem["msg"].removeprefix("Value error, "),
        )
        for problem in error.errors()[:MAX_REPORTED_ERRORS]
    ]
    detail = "; ".join(f"{problem.field}: {problem.detail}" for problem in errors[:3])
    return problem_response(scope, 422, detail, errors=errors)
