"""Members of the `organization` of a test."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from app.models import Organization, User
from tests.support.factories import make_member
from tests.support.service import Service


@dataclass
class Member:
    user: User
    client: AsyncClient


NewMember = Callable[[MemberRole], Awaitable[Member]]


@pytest.fixture
def new_member(service: Service, session: AsyncSession, organization: Organization) -> NewMember:
    """Make a member with a role, and sign them in."""

    async def make(role: MemberRole) -> Member:
        user = await make_member(session, organization, role)
        return Member(user, await service.sign_in(user))

    return make
