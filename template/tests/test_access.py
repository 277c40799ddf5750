"""Every operation of the API is listed here, with who may call it, and is held to it."""

from dataclasses import dataclass
from uuid import UUID

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole
from app.models import User
from tests.factories import (
    make_api_key,
    make_member,
    make_organization,
    make_project,
    make_user,
)
from tests.service import Service

EVERYBODY = {"login", "refresh", "register"}
SIGNED_IN = {
    "create_api_key",
    "create_organization",
    "list_api_keys",
    "list_organizations",
    "logout",
    "read_me",
    "revoke_api_key",
    "update_me",
}
ADMINISTRATORS = {"create_user", "delete_user", "list_users", "read_user", "update_user"}
MEMBERS = {
    "add_member": MemberRole.ADMIN,
    "create_organization_api_key": MemberRole.ADMIN,
    "create_project": MemberRole.MEMBER,
    "delete_organization": MemberRole.OWNER,
    "delete_project": MemberRole.ADMIN,
    "leave_organization": MemberRole.VIEWER,
    "list_members": MemberRole.VIEWER,
    "list_organization_api_keys": MemberRole.ADMIN,
    "list_projects": MemberRole.VIEWER,
    "read_organization": MemberRole.VIEWER,
    "read_project": MemberRole.VIEWER,
    "remove_member": MemberRole.VIEWER,
    "revoke_organization_api_key": MemberRole.ADMIN,
    "transfer_ownership": MemberRole.OWNER,
    "update_member": MemberRole.ADMIN,
    "update_organization": MemberRole.ADMIN,
    "update_project": MemberRole.MEMBER,
}
"""The least role in the organization of the path."""

BODIES = {"update_member": {"role": MemberRole.VIEWER}}
"""Valid ones, for operations on a row for which `{}` is none."""


Ids = dict[str, str | UUID]


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str

    async def call(self, client: AsyncClient, ids: Ids, body: object = None) -> Response:
        return await client.request(self.method, self.path.format(**ids), json=body)


@pytest.fixture
def operations(service: Service) -> list[Operation]:
    return [
        Operation(str(route.name), method, str(route.path))
        for route in iter_route_contexts(service.app.routes)
        if isinstance(route.original_route, APIRoute)
        and str(route.path).startswith(service.settings.API_V1_PREFIX)
        for method in sorted(route.methods or ())
    ]


@pytest.fixture
def in_organizations(operations: list[Operation]) -> list[Operation]:
    return [operation for operation in operations if "{slug}" in operation.path]


async def make_tenant(
    session: AsyncSession, *, role: MemberRole = MemberRole.OWNER
) -> tuple[User, Ids]:
    """A user with this role in a new organization, and a value for each parameter of a path."""
    organization = await make_organization(session, await make_user(session))
    user = await make_member(session, organization, role)
    project = await make_project(session, organization)
    key, _ = await make_api_key(session, user, organization=organization)
    return user, {
        "key_id": key.id,
        "slug": organization.slug,
        "project_id": project.id,
        "user_id": user.id,
    }


def test_every_operation_is_listed(operations: list[Operation]) -> None:
    listed = EVERYBODY | SIGNED_IN | ADMINISTRATORS | MEMBERS.keys()
    names = {operation.name for operation in operations}

    assert names <= listed, f"Say in tests/test_access.py who may call {names - listed}"
    assert listed <= names, f"Remove from tests/test_access.py what is gone: {listed - names}"


def test_members_are_asked_for_wherever_an_organization_is_named(
    in_organizations: list[Operation],
) -> None:
    assert {operation.name for operation in in_organizations} == MEMBERS.keys()


async def test_without_a_token_only_the_public_operations_answer(
    operations: list[Operation], client: AsyncClient, session: AsyncSession
) -> None:
    _, ids = await make_tenant(session)

    answers = {each.name: await each.call(client, ids) for each in operations}

    refused = {name for name, answer in answers.items() if answer.status_code == 401}
    assert answers.keys() - refused == EVERYBODY


async def test_an_ordinary_user_is_no_administrator(
    operations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user = await make_user(session)
    _, ids = await make_tenant(session)

    answers = {each.name: await each.call(await service.sign_in(user), ids) for each in operations}

    refused = {name for name, answer in answers.items() if answer.status_code == 403}
    assert refused == ADMINISTRATORS


async def test_to_a_stranger_an_organization_does_not_exist(
    in_organizations: list[Operation], service: Service, session: AsyncSession
) -> None:
    stranger = await service.sign_in(await make_user(session))
    _, ids = await make_tenant(session)

    answers = {each.name: await each.call(stranger, ids) for each in in_organizations}

    shown = {name for name, answer in answers.items() if answer.status_code != 404}
    assert shown == set()


@pytest.mark.parametrize("role", MemberRole)
async def test_only_those_of_the_least_role_and_above_come_in(
    role: MemberRole, in_organizations: list[Operation], service: Service, session: AsyncSession
) -> None:
    answers = {}

    for operation in in_organizations:
        user, ids = await make_tenant(session, role=role)
        answers[operation.name] = await operation.call(await service.sign_in(user), ids)

    admitted = {name for name, answer in answers.items() if answer.status_code in {200, 204, 422}}
    assert admitted == {name for name, least in MEMBERS.items() if role.rank >= least.rank}


async def test_the_rows_of_another_organization_are_not_found(
    in_organizations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, own = await make_tenant(session)
    _, others = await make_tenant(session)
    owner = await service.sign_in(user)
    ids = others | {"slug": own["slug"]}

    answers = {
        each.name: await each.call(owner, ids, BODIES.get(each.name, {}))
        for each in in_organizations
        if each.path.count("{") > 1
    }

    shown = {name for name, answer in answers.items() if answer.status_code != 404}
    assert answers.keys() > shown == set()
