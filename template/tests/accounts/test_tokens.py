from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.errors import InvalidToken
from app.core.tokens import (
    CLAIMS,
    create_access_token,
    hash_token,
    new_opaque_token,
    read_access_token,
)
from app.services import logins
from tests.support.factories import make_user
from tests.support.service import Service

OTHER_KEY = "a-key-that-somebody-else-signs-with-987654"

Forge = Callable[..., str]


@pytest.fixture
def forge(settings: Settings) -> Forge:
    """A token like the service's own, with `claims` changed; None leaves one out."""

    def sign(
        key: str = settings.SECRET_KEY.get_secret_value(),
        algorithm: str = settings.ALGORITHM,
        typ: str = "at+jwt",
        **claims: Any,
    ) -> str:
        now = utc_now()
        usual = {
            "aud": settings.JWT_ISSUER,
            "exp": now + timedelta(minutes=5),
            "iat": now,
            "iss": settings.JWT_ISSUER,
            "jti": "1",
            "sid": str(uuid4()),
            "sub": str(uuid4()),
            "type": "access",
        }
        kept = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(kept, key, algorithm, headers={"typ": typ})

    return sign


def test_token_names_user_and_session(settings: Settings) -> None:
    user_id, session_id = uuid4(), uuid4()

    token = create_access_token(settings, user_id=user_id, session_id=session_id)

    claims = read_access_token(settings, token)
    assert (claims.user_id, claims.session_id) == (user_id, session_id)
    assert claims.expires_at > utc_now()


def test_token_like_our_own_is_accepted(settings: Settings, forge: Forge) -> None:
    read_access_token(settings, forge())


@pytest.mark.parametrize("claim", CLAIMS)
def test_token_missing_a_claim_is_rejected(settings: Settings, forge: Forge, claim: str) -> None:
    with pytest.raises(InvalidToken):
        read_access_token(settings, forge(**{claim: None}))


@pytest.mark.parametrize(
    "forgery",
    [
        {"key": OTHER_KEY},
        {"key": "", "algorithm": "none"},
        {"algorithm": "HS512", "key": "only-the-tests-use-this-key-0123456789" * 2},
        {"typ": "JWT"},
        {"type": "refresh"},
        {"iss": "somebody-else"},
        {"aud": "somebody-else"},
        {"sub": "42"},
        {"sub": 42},
        {"sid": "42"},
        {"sid": 42},
        {"exp": 1},
        {"exp": 1e300},
        {"exp": 10**18},
        {"exp": "soon"},
        {"exp": "4102444800"},
        {"iat": 4102444800},
    ],
    ids=lambda forgery: ",".join(f"{name}={value}"[:30] for name, value in forgery.items()),
)
@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_forgery_is_rejected(settings: Settings, forge: Forge, forgery: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        read_access_token(settings, forge(**forgery))


def test_other_algorithm_with_the_same_key_is_rejected(settings: Settings, forge: Forge) -> None:
    key = "one-key-that-is-long-enough-for-every-hash-0123456789-0123456789"
    stricter = settings.model_copy(update={"SECRET_KEY": SecretStr(key), "ALGORITHM": "HS256"})
    read_access_token(stricter, forge(key=key, algorithm="HS256"))

    with pytest.raises(InvalidToken):
        read_access_token(stricter, forge(key=key, algorithm="HS512"))


@pytest.mark.parametrize(
    "garbage",
    ["", "x", "a.b.c", "é.é.é", "\x00", "eyJhbGciOiJub25lIn0.e30.", "W1tb" * 9000 + ".e30.x"],
)
async def test_garbage_token_gets_401(service: Service, garbage: str) -> None:
    async with service.client() as client:
        response = await client.get(
            "/api/v1/users/me", headers={b"Authorization": f"Bearer {garbage}".encode()}
        )

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_token_without_a_session_gets_401(service: Service, forge: Forge) -> None:
    response = await service.client(forge()).get("/api/v1/users/me")

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_token_with_the_session_of_another_user_gets_401(
    service: Service, session: AsyncSession, settings: Settings
) -> None:
    user, other = await make_user(session), await make_user(session)
    pair = await logins.start(session, settings, other)
    await session.commit()
    session_id = read_access_token(settings, pair.access_token).session_id
    token = create_access_token(settings, user_id=user.id, session_id=session_id)

    assert (await service.client(token).get("/api/v1/users/me")).status_code == 401


def test_former_key_verifies_but_does_not_sign(settings: Settings) -> None:
    former = settings.model_copy(update={"SECRET_KEY": SecretStr(OTHER_KEY)})
    rotated = settings.model_copy(update={"SECRET_KEY_FALLBACKS": (SecretStr(OTHER_KEY),)})
    ids = {"user_id": uuid4(), "session_id": uuid4()}

    read_access_token(rotated, create_access_token(former, **ids))
    with pytest.raises(InvalidToken):
        read_access_token(former, create_access_token(rotated, **ids))


def test_opaque_tokens_are_long_and_unique() -> None:
    tokens = {new_opaque_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)
    assert all(len(hash_token(token)) == 64 and token not in hash_token(token) for token in tokens)
