"""The `Idempotency-Key` header: a repeated request gets the first response again.

See draft-ietf-httpapi-idempotency-key-header. A route that creates something has `Idempotency` as
the last dependency in its signature, so that everything else is checked before a response is
replayed. `routing.py` does the rest.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import AfterValidator, Field
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.callers import Caller
from app.api.deps import DB
from app.api.resources import AppResources
from app.core.config import Settings
from app.services import idempotency
from app.services.idempotency import KeyedRequest

KEY = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
PATTERN = "^[!-~]{1,255}$"


def _well_formed(key: str) -> str:
    if not re.fullmatch(PATTERN, key):
        raise ValueError("Use 1 to 255 printable ASCII characters, without spaces")
    return key


Key = Annotated[
    Annotated[str, AfterValidator(_well_formed), Field(json_schema_extra={"pattern": PATTERN})]
    | None,
    Header(
        alias=KEY,
        description="A random value for this request. Repeating the request with the same key "
        "returns the first response and creates nothing.",
        examples=["5f0c9c9a-3c1e-4f0e-9d5b-0b8f4f9a4c11"],
    ),
]


class Attempt:
    """A request with a key, and the session whose single transaction holds all its changes."""

    def __init__(self, session: AsyncSession, settings: Settings, request: KeyedRequest) -> None:
        self._session = session
        self._settings = settings
        self._request = request

    async def replay(self) -> Response | None:
        stored = await idempotency.find(self._session, self._settings, self._request)
        if stored is None:
            return None
        headers = {REPLAYED: "true"}
        return Response(stored.body, stored.status, headers, media_type="application/json")

    async def replay_twin(self) -> Response | None:
        """Replay the same request, if it ran concurrently and caused the conflict."""
        await self._session.rollback()
        return await self.replay()

    async def keep(self, response: Response) -> None:
        if response.status_code < 400:
            status, body = response.status_code, bytes(response.body)
            await idempotency.store(
                self._session, self._settings, self._request, status=status, body=body
            )


class Replay(Exception):
    """Raised to end a request before its route runs."""

    def __init__(self, response: Response) -> None:
        self.response = response


async def get_caller_id(caller: Caller) -> str:
    return str(caller.user.id)


async def get_no_caller() -> str:
    return ""


def look_up(get_caller: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[None]]:
    async def replay_or_continue(
        request: Request,
        db: DB,
        resources: AppResources,
        caller: Annotated[str, Depends(get_caller)],
        key: Key = None,
    ) -> None:
        if key is None:
            return
        begins = not db.in_transaction()
        attempt = Attempt(
            db, resources.settings, KeyedRequest(caller, key, await _content(request))
        )
        if response := await attempt.replay():
            raise Replay(response)
        if begins:
            await db.rollback()  # a registration must not hold a transaction while it hashes
        request.state.attempt = attempt

    return replay_or_continue


Idempotency = Annotated[None, Depends(look_up(get_caller_id))]
PublicIdempotency = Annotated[None, Depends(look_up(get_no_caller))]
"""For routes without a token: all clients share one set of keys, which are random."""


async def _content(request: Request) -> bytes:
    """Join with NUL, which paths and queries cannot contain: no two requests look the same."""
    path = request.scope["path"].rstrip("/").encode()
    query: bytes = request.scope["query_string"]
    return b"\0".join([request.method.encode(), path, query, await request.body()])
