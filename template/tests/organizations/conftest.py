import pytest
from httpx import AsyncClient

from app.models import User
from tests.support.service import Service


@pytest.fixture
async def client(service: Service, owner: User) -> AsyncClient:
    """Signed in as the owner of `organization`."""
    return await service.sign_in(owner)
