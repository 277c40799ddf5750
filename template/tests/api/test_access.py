"""Every operation of the API is listed here, with who may call it, and is held to it."""

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.deps import NEEDS_LOGIN
from app.core.roles import MemberRole, Scope
from app.models import Organization
from tests.support.factories import add_member, make_api_key, make_user
from tests.support.operations import Operation, make_tenant, operations_of
from tests.support.service import Service, undone

EVERYBODY = {
    "confirm_email",
    "forgot_password",
    "login",
    "refresh",
    "register",
    "reset_password",
    "verify_email",
}
SIGNED_IN = {
    "accept_invitation",
    "change_password",
    "create_api_key",
    "create_organization",
    "delete_me",
    "list_api_keys",
    "list_organizations",
    "list_sessions",
    "logout",
    "logout_all",
    "read_me",
    "request_email_change",
    "request_verification",
    "revoke_api_key",
    "revoke_session",
    "update_me",
}
ADMINISTRATORS = {
    "create_user",
    "delete_user",
    "list_users",
    "read_audit_log",
    "read_user",
    "update_user",
}
MEMBERS = {
    "add_member": MemberRole.ADMIN,
    "create_invitation": MemberRole.ADMIN,
    "create_organization_api_key": MemberRole.ADMIN,
    "create_project": MemberRole.MEMBER,
    "delete_organization": MemberRole.OWNER,
    "delete_project": MemberRole.ADMIN,
    "leave_organization": MemberRole.VIEWER,
    "list_invitations": MemberRole.ADMIN,
    "list_members": MemberRole.VIEWER,
    "list_organization_api_keys": MemberRole.ADMIN,
    "list_projects": MemberRole.VIEWER,
    "read_organization": MemberRole.VIEWER,
    "read_organization_audit_log": MemberRole.ADMIN,
    "read_project": MemberRole.VIEWER,
    "remove_member": MemberRole.VIEWER,
    "revoke_invitation": MemberRole.ADMIN,
    "revoke_organization_api_key": MemberRole.ADMIN,
    "transfer_ownership": MemberRole.OWNER,
    "update_member": MemberRole.ADMIN,
    "update_organization": MemberRole.ADMIN,
    "update_project": MemberRole.MEMBER,
}
"""The least role in the organization of the path."""

ACCOUNT = ("/api/v1/auth/", "/api/v1/invitations", "/api/v1/users/me")
FOR_GOOD = {"delete_organization", "transfer_ownership"}
"""What else needs a login, beside whatever handles keys."""

BODIES = {"update_member": {"role": MemberRole.VIEWER}}
"""Valid ones, for operations on a row for which `{}` is none."""


@pytest.fixture
def operations(service: Service) -> list[Operation]:
    return operations_of(service)


@pytest.fixture
def in_organizations(operations: list[Operation]) -> list[Operation]:
    return [operation for operation in operations if "{slug}" in operation.path]


def test_every_operation_is_listed(operations: list[Operation]) -> None:
    listed = EVERYBODY | SIGNED_IN | ADMINISTRATORS | MEMBERS.keys()
    names = {operation.name for operation in operations}

    assert names <= listed, f"Say in tests/api/test_access.py who may call {names - listed}"
    assert listed <= names, f"Remove from tests/api/test_access.py what is gone: {listed - names}"


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
    client = await service.sign_in(await make_user(session))
    _, ids = await make_tenant(session)
    answers = {}

    for operation in operations:
        async with undone(session):
            answers[operation.name] = await operation.call(client, ids)

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
    user, ids = await make_tenant(session, role=role)
    client = await service.sign_in(user)
    answers = {}

    for operation in in_organizations:
        async with undone(session):
            answers[operation.name] = await operation.call(client, ids)

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


async def test_an_api_key_changes_neither_the_account_nor_keys_and_ends_no_organization(
    operations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, ids = await make_tenant(session)
    _, key = await make_api_key(session, user, *Scope)
    need_login = {
        each.name
        for each in operations
        if each.path.startswith(ACCOUNT) or "/api-keys" in each.path or each.name in FOR_GOOD
    } - {"read_me"}

    answers = {each.name: await each.call(service.client(key), ids) for each in operations}

    refused = {name for name, answer in answers.items() if answer.text.find(NEEDS_LOGIN) > 0}
    assert refused == need_login - EVERYBODY
    assert {answers[name].status_code for name in refused} == {403}


async def test_an_api_key_without_the_scope_changes_nothing(
    operations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, ids = await make_tenant(session)
    _, key = await make_api_key(session, user, Scope.READ, Scope.ADMIN)
    changing = [each for each in operations if each.method != "GET" and each.name not in EVERYBODY]

    answers = {each.name: await each.call(service.client(key), ids) for each in changing}

    assert {name for name, answer in answers.items() if answer.status_code != 403} == set()


async def test_an_api_key_of_one_organization_opens_nothing_else(
    operations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, own = await make_tenant(session)
    _, others = await make_tenant(session)
    organization = await session.get_one(Organization, own["organization_id"])
    _, key = await make_api_key(session, user, *Scope, organization=organization)
    await add_member(session, await session.get_one(Organization, others["organization_id"]), user)

    answers = {
        each.name: await each.call(service.client(key), others)
        for each in operations
        if each.name not in EVERYBODY
    }

    assert {answer.status_code for answer in answers.values()} == {403, 404}
    assert {name for name, answer in answers.items() if answer.status_code == 404} == {
        each.name
        for each in operations
        if "{slug}" in each.path and "/api-keys" not in each.path and each.name not in FOR_GOOD
    }
