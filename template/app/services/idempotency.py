"""Responses to requests with an `Idempotency-Key`, stored in the request's own transaction."""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import KeyReused
from app.models import IdempotencyKey

LIFETIME = timedelta(hours=24)
"""How long a repeated request gets the first response."""
PURGED_AT_ONCE = 100


@dataclass(frozen=True)
class KeyedRequest:
    """A request with a key. `caller` is the user's id, or empty for a request without a token."""

    caller: str
    key: str
    content: bytes = field(repr=False)
    """Equal for equal requests. It may hold a password, so only its HMAC is stored."""


async def find(
    session: AsyncSession, settings: Settings, request: KeyedRequest
) -> IdempotencyKey | None:
    """Return the stored response. Raise KeyReused if the key belongs to another request."""
    stored = await session.scalar(
        select(IdempotencyKey).where(_has_key(request), IdempotencyKey.expires_at > utc_now())
    )
    if stored is None:
        return None
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(stored.fingerprint, _fingerprint(secret, request)):
            return stored
    raise KeyReused


async def store(
    session: AsyncSession, settings: Settings, request: KeyedRequest, *, status: int, body: bytes
) -> None:
    """Store the response. If two requests share a key, the unique constraint rejects the later
    one, and everything it created is rolled back."""
    await _purge(session, request)
    now = utc_now()
    row = IdempotencyKey(
        caller=request.caller,
        key=request.key,
        fingerprint=_fingerprint(settings.SECRET_KEY, request),
        status=status,
        body=body,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    session.add(row)
    await session.flush()


def _has_key(request: KeyedRequest) -> ColumnElement[bool]:
    return and_(IdempotencyKey.caller == request.caller, IdempotencyKey.key == request.key)


def _fingerprint(secret: SecretStr, request: KeyedRequest) -> str:
    # The same secret signs tokens; the prefix keeps a fingerprint from being a signature.
    content = b"Idempotency-Key\0" + request.content
    return hmac.digest(secret.get_secret_value().encode(), content, "sha256").hex()


async def _purge(session: AsyncSession, request: KeyedRequest) -> None:
    """Delete expired rows, which nothing else does: first the request's own, to free its key, then
    a few that no other request has locked, so that requests don't wait for each other."""
    expired = IdempotencyKey.expires_at <= utc_now()
    oldest = (
        select(IdempotencyKey.id)
        .where(expired)
        .order_by(IdempotencyKey.expires_at)
        .limit(PURGED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    for rows in (_has_key(request), IdempotencyKey.id.in_(oldest)):
        await session.execute(
            delete(IdempotencyKey).where(expired, rows).execution_options(synchronize_session=False)
        )
