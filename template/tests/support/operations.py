"""The operations of the API, and somebody who may call them."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from fastapi.routing import APIRoute, iter_route_contexts
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from app.models import User
from tests.support.factories import (
    make_api_key,
    make_invitation,
    make_member,
    make_organization,
    make_project,
    make_user,
)
from tests.support.service import Service

Ids = dict[str, str | UUID]


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str

    async def call(self, client: AsyncClient, ids: Ids, body: object = None) -> Response:
        return await client.request(self.method, self.path.format(**ids), json=body)


def operations_of(service: Service) -> list[Operation]:
    return [
        Operation(str(route.name), method, str(route.path))
        for route in iter_route_contexts(service.app.routes)
        if isinstance(route.original_route, APIRoute)
        and str(route.path).startswith(service.settings.API_V1_PREFIX)
        for method in sorted(route.methods or ())
    ]


async def make_tenant(
    session: AsyncSession, *, role: MemberRole = MemberRole.OWNER
) -> tuple[User, Ids]:
    """A user with this role in a new organization, and a value for each parameter of a path."""
    organization = await make_organization(session, await make_user(session))
    user = await make_member(session, organization, role)
    project = await make_project(session, organization)
    invitation = await make_invitation(session, organization, user)
    key, _ = await make_api_key(session, user, organization=organization)
    return user, {
        "invitation_id": invitation.id,
        "key_id": key.id,
        "organization_id": organization.id,
        "slug": organization.slug,
        "project_id": project.id,
        "session_id": uuid4(),
        "user_id": user.id,
    }
