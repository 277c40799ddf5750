"""Serve `/users` and `/users/` alike: a redirect would trust the Host header."""

from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

RESPELLED = "app.respelled"


def serve_both_spellings(app: FastAPI) -> None:
    async def other_spelling(scope: Scope, receive: Receive, send: Send) -> None:
        """If no route matches, try once more with the other ending."""
        if RESPELLED in scope or "//" in scope["path"]:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        other = _other_spelling(scope["path"])
        await app.router({**scope, "path": other, RESPELLED: True}, receive, send)

    app.router.default = other_spelling


def allowed_methods(app: FastAPI, path: str) -> str:
    """The methods of a path in either spelling; the router's own 405 lists those of one route."""
    for template, operations in app.openapi()["paths"].items():
        regex, _, _ = compile_path(template)
        if regex.match(path) or regex.match(_other_spelling(path)):
            methods = {*operations, "head"} if "get" in operations else operations
            return ", ".join(sorted(methods)).upper()
    return "GET, HEAD"  # the OpenAPI document lacks the documentation pages


def _other_spelling(path: str) -> str:
    return path[:-1] if path.endswith("/") else f"{path}/"
