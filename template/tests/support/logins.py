"""Registration, logins and what a client does with its tokens."""

from httpx import AsyncClient, Response

from app.models import User
from tests.support.factories import PASSWORD

LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
ADA = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
"""A registration."""

Pair = dict[str, str]


async def try_login(client: AsyncClient, email: str, password: str = PASSWORD) -> Response:
    return await client.post(LOGIN, json={"email": email, "password": password})


async def log_in(client: AsyncClient, user: User) -> Pair:
    pair: Pair = (await try_login(client, user.email)).json()
    return pair


async def refresh(client: AsyncClient, pair: Pair) -> Response:
    body = {"refresh_token": pair["refresh_token"]}
    return await client.post("/api/v1/auth/refresh", json=body)


def bearer(pair: Pair) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair['access_token']}"}


async def status_of_me(client: AsyncClient, pair: Pair) -> int:
    return (await client.get("/api/v1/users/me", headers=bearer(pair))).status_code
