"""What a client does with its tokens, now and later."""

from datetime import timedelta

import time_machine
from httpx import AsyncClient, Response

from app.core.clock import utc_now
from app.models import User
from tests.support.factories import PASSWORD
from tests.support.service import Service

Pair = dict[str, str]


async def log_in(client: AsyncClient, user: User) -> Pair:
    body = {"email": user.email, "password": PASSWORD}
    response = await client.post("/api/v1/auth/login", json=body)
    answer: Pair = response.json()
    return answer


async def refresh(client: AsyncClient, pair: Pair) -> Response:
    body = {"refresh_token": pair["refresh_token"]}
    return await client.post("/api/v1/auth/refresh", json=body)


async def status_of_me(service: Service, pair: Pair) -> int:
    async with service.client(pair["access_token"]) as client:
        return (await client.get("/api/v1/users/me")).status_code


def later(seconds: float = 0, *, days: int = 0) -> time_machine.travel:
    return time_machine.travel(utc_now() + timedelta(days=days, seconds=seconds), tick=False)
