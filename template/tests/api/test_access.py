"""Who may call each operation, as `tests/support/catalogue.py` and `own.py` list it."""

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.callers import NEEDS_LOGIN
from app.core.roles import MemberRole, Scope
from app.models import Organization
from tests.support.catalogue import Caller, Values
from tests.support.factories import add_member, make_api_key, make_user
from tests.support.operations import ENTRIES, Operation, make_tenant, operations_of
from tests.support.service import Service, undone

PUBLIC = {name for name, entry in ENTRIES.items() if entry.caller is Caller.ANYBODY}
ADMINISTRATORS = {name for name, entry in ENTRIES.items() if entry.caller is Caller.ADMINISTRATOR}
MEMBERS = {
    name: entry.caller for name, entry in ENTRIES.items() if isinstance(entry.caller, MemberRole)
}
ACCOUNT = ("/api/v1/auth/", "/api/v1/invitations", "/api/v1/users/me")


@pytest.fixture
def operations(service: Service) -> list[Operation]:
    return operations_of(service)


@pytest.fixture
def in_organizations(operations: list[Operation]) -> list[Operation]:
    return [operation for operation in operations if "{slug}" in operation.path]


async def call_each(
    operations: list[Operation], client: AsyncClient, values: Values, session: AsyncSession
) -> dict[str, Response]:
    """Call each operation as if it were the first, most of them without a valid body."""
    answers = {}
    for operation in operations:
        async with undone(session):
            answers[operation.name] = await operation.call(client, values)
    return answers


def names_of(answers: dict[str, Response], *statuses: int) -> set[str]:
    return {name for name, answer in answers.items() if answer.status_code in statuses}


def test_every_operation_is_listed(operations: list[Operation]) -> None:
    names = {operation.name for operation in operations}

    missing, gone = names - ENTRIES.keys(), ENTRIES.keys() - names
    assert not missing, f"Say in tests/support/own.py who may call {missing}"
    assert not gone, f"Remove {gone}, which no longer exist, from tests/support/own.py"


def test_an_organization_in_the_path_needs_a_member(in_organizations: list[Operation]) -> None:
    assert {operation.name for operation in in_organizations} == MEMBERS.keys()


async def test_only_public_operations_answer_without_a_token(
    operations: list[Operation], client: AsyncClient, session: AsyncSession
) -> None:
    _, values = await make_tenant(session)

    answers = await call_each(operations, client, values, session)

    assert answers.keys() - names_of(answers, 401) == PUBLIC


async def test_user_cannot_call_operations_of_administrators(
    operations: list[Operation], service: Service, session: AsyncSession
) -> None:
    client = await service.sign_in(await make_user(session))
    _, values = await make_tenant(session)

    answers = await call_each(operations, client, values, session)

    assert names_of(answers, 403) == ADMINISTRATORS
    assert {answers[each].json()["detail"] for each in ADMINISTRATORS} == {
        "Insufficient permissions"
    }


async def test_stranger_gets_404_for_an_organization(
    in_organizations: list[Operation], service: Service, session: AsyncSession
) -> None:
    stranger = await service.sign_in(await make_user(session))
    _, values = await make_tenant(session)

    answers = await call_each(in_organizations, stranger, values, session)

    assert names_of(answers, 404) == answers.keys()


@pytest.mark.parametrize("role", MemberRole)
async def test_role_gives_access_from_the_least_role_upwards(
    role: MemberRole, in_organizations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, values = await make_tenant(session, role=role)

    answers = await call_each(in_organizations, await service.sign_in(user), values, session)

    allowed = {name for name, least in MEMBERS.items() if role.rank >= least.rank}
    assert names_of(answers, 200, 204, 422) == allowed


async def test_rows_of_another_organization_are_not_found(
    in_organizations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, own = await make_tenant(session)
    _, others = await make_tenant(session)
    owner = await service.sign_in(user)
    values = others | {"slug": own["slug"]}

    answers = {
        each.name: await each.call(owner, values, each.body(values))
        for each in in_organizations
        if each.path.count("{") > 1
    }

    assert names_of(answers, 404) == answers.keys() > set()


async def test_api_key_cannot_change_accounts_keys_or_ownership(
    operations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, values = await make_tenant(session)
    _, key = await make_api_key(session, user, *Scope)
    need_login = {
        each.name
        for each in operations
        if each.path.startswith(ACCOUNT) or "/api-keys" in each.path or each.entry.needs_login
    } - {"read_me"}

    answers = await call_each(operations, service.client(key), values, session)

    refused = {name for name, answer in answers.items() if NEEDS_LOGIN in answer.text}
    assert refused == need_login - PUBLIC
    assert refused <= names_of(answers, 403)


async def test_api_key_without_write_scope_changes_nothing(
    operations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, values = await make_tenant(session)
    _, key = await make_api_key(session, user, Scope.READ, Scope.ADMIN)
    changing = [each for each in operations if each.method != "GET" and each.name not in PUBLIC]

    answers = await call_each(changing, service.client(key), values, session)

    assert names_of(answers, 403) == answers.keys()


async def test_api_key_of_an_organization_opens_nothing_else(
    operations: list[Operation], service: Service, session: AsyncSession
) -> None:
    user, own = await make_tenant(session)
    _, others = await make_tenant(session)
    organization = await session.get_one(Organization, own["organization_id"])
    _, key = await make_api_key(session, user, *Scope, organization=organization)
    await add_member(session, await session.get_one(Organization, others["organization_id"]), user)
    private = [each for each in operations if each.name not in PUBLIC]

    answers = await call_each(private, service.client(key), others, session)

    hidden = {
        each.name
        for each in private
        if "{slug}" in each.path and "/api-keys" not in each.path and not each.entry.needs_login
    }
    assert names_of(answers, 404) == hidden
    assert names_of(answers, 403) == answers.keys() - hidden
