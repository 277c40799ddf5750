"""Tokens: signed access tokens (RFC 9068), and opaque ones, stored only as a hash."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import InvalidToken

ACCESS_TYPE = "at+jwt"
API_KEY_PREFIX = "ak_"
"""Lets scanners for leaked secrets recognize a key; no signed token begins with it."""
CLAIMS = ["aud", "exp", "iat", "iss", "jti", "sid", "sub", "type"]
LEEWAY_SECONDS = 10


@dataclass(frozen=True)
class AccessClaims:
    user_id: UUID
    session_id: UUID
    expires_at: datetime


@dataclass(frozen=True)
class KeyClaims:
    """An API key carries no claims: everything else is in the database."""

    key_hash: str


def read_bearer(settings: Settings, token: str) -> AccessClaims | KeyClaims:
    """Parse a bearer credential: an access token or an API key. Raise InvalidToken."""
    if token.startswith(API_KEY_PREFIX):
        return KeyClaims(hash_token(token))
    return read_access_token(settings, token)


def create_access_token(settings: Settings, *, user_id: UUID, session_id: UUID) -> str:
    now = utc_now()
    claims = {
        "aud": settings.JWT_ISSUER,
        "exp": now + timedelta(minutes=settings.ACCESS_TOKEN_EXPIRE_MINUTES),
        "iat": now,
        "iss": settings.JWT_ISSUER,
        "jti": str(uuid4()),
        "sid": str(session_id),
        "sub": str(user_id),
        "type": "access",
    }
    key = settings.SECRET_KEY.get_secret_value()
    return jwt.encode(claims, key, settings.ALGORITHM, headers={"typ": ACCESS_TYPE})


def read_access_token(settings: Settings, token: str) -> AccessClaims:
    """Raise InvalidToken, whatever is wrong with the token."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _claims(_decode(settings, token, key.get_secret_value()))
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ArithmeticError, OSError, TypeError, ValueError):
            break
    raise InvalidToken


def _decode(settings: Settings, token: str, key: str) -> dict[str, Any]:
    decoded = jwt.decode_complete(
        token,
        key,
        algorithms=[settings.ALGORITHM],
        audience=settings.JWT_ISSUER,
        issuer=settings.JWT_ISSUER,
        leeway=LEEWAY_SECONDS,
        options={"require": CLAIMS},
    )
    payload: dict[str, Any] = decoded["payload"]
    if decoded["header"].get("typ") != ACCESS_TYPE or payload["type"] != "access":
        raise jwt.InvalidTokenError("Not an access token")
    return payload


def _claims(payload: dict[str, Any]) -> AccessClaims:
    return AccessClaims(
        user_id=UUID(str(payload["sub"])),
        session_id=UUID(str(payload["sid"])),
        expires_at=datetime.fromtimestamp(payload["exp"], UTC),
    )


def new_opaque_token() -> str:
    """Generate 256 random bits, shown to the client once; only their `hash_token` is stored."""
    return secrets.token_urlsafe(32)


def new_api_key() -> str:
    return API_KEY_PREFIX + new_opaque_token()


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
