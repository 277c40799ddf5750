"""Serves `/users` and `/users/` alike: a redirect would trust the Host header."""

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

RESPELLED = "app.respelled"


def serve_both_spellings(app: FastAPI) -> None:
    not_found = app.router.default

    async def other_spelling(scope: Scope, receive: Receive, send: Send) -> None:
        """Called when no route matches: tries once more, with the other ending."""
        if scope["type"] == "http" and RESPELLED not in scope:
            path: str = scope["path"]
            other = path[:-1] if path.endswith("/") else f"{path}/"
            await app.router({**scope, "path": other, RESPELLED: True}, receive, send)
        else:
            await not_found(scope, receive, send)

    app.router.default = other_spelling
