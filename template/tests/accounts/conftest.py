import pytest
from httpx import AsyncClient

from app.models import User
from tests.support.logins import Pair, log_in


@pytest.fixture
async def pair(client: AsyncClient, user: User) -> Pair:
    """The tokens of a login as `user`."""
    return await log_in(client, user)
