from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.rate_limit import Policy
from app.core.roles import MemberRole
from app.models import Organization, User
from app.services import invitations
from tests.support.clock import clock as clock
from tests.support.factories import make_invitation, make_member, make_organization, make_user
from tests.support.limited import running_limited
from tests.support.logins import later
from tests.support.outbox import Outbox, mails_of
from tests.support.outbox import outbox as outbox
from tests.support.problems import assert_problem
from tests.support.service import Service

URL = "/api/v1/organizations/acme/invitations"
ADA = {"email": "Ada@example.com", "role": "member"}


@pytest.fixture
async def owner(session: AsyncSession) -> User:
    return await make_user(session)


@pytest.fixture
async def organization(session: AsyncSession, owner: User) -> Organization:
    return await make_organization(session, owner, slug="acme", name="Acme Ltd")


@pytest.fixture
async def client(service: Service, owner: User, organization: Organization) -> AsyncClient:
    return await service.sign_in(owner)


async def test_an_owner_invites_by_mail(client: AsyncClient, owner: User, outbox: Outbox) -> None:
    response = await client.post(URL, json=ADA)

    assert response.status_code == 201
    invitation = response.json()
    assert (invitation["email"], invitation["role"]) == ("Ada@example.com", "member")
    assert invitation["invited_by"] == str(owner.id)
    assert (await client.get(URL)).json()["data"] == [invitation]
    (mail,) = outbox
    assert (mail["To"], mail["Subject"]) == ("Ada@example.com", "Invitation to Acme Ltd")


async def test_whether_there_is_an_account_is_not_told(
    client: AsyncClient, session: AsyncSession, outbox: Outbox
) -> None:
    await make_user(session, email="known@example.com")

    known = await client.post(URL, json={"email": "known@example.com"})
    unknown = await client.post(URL, json={"email": "unknown@example.com"})

    assert known.status_code == unknown.status_code == 201
    assert known.json().keys() == unknown.json().keys()
    assert len(outbox) == 2


@pytest.mark.parametrize(
    ("actor", "role", "status"),
    [
        ("owner", "owner", 201),
        ("admin", "owner", 403),
        ("admin", "admin", 201),
        ("member", "viewer", 403),
        ("viewer", "viewer", 403),
    ],
)
async def test_nobody_invites_above_their_own_role(
    service: Service,
    session: AsyncSession,
    organization: Organization,
    actor: MemberRole,
    role: str,
    status: int,
) -> None:
    user = await make_member(session, organization, MemberRole(actor))

    response = await (await service.sign_in(user)).post(URL, json=ADA | {"role": role})

    assert response.status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada"},
        {"email": "a\u0000@example.com"},
        ADA | {"role": "king"},
        ADA | {"expires_at": "2999-01-01T00:00:00Z"},
    ],
)
async def test_a_bad_invitation_is_refused(client: AsyncClient, body: object) -> None:
    assert_problem(await client.post(URL, json=body), 422)


async def test_an_address_is_invited_once_at_a_time(client: AsyncClient) -> None:
    await client.post(URL, json=ADA)

    response = await client.post(URL, json=ADA | {"email": "ADA@EXAMPLE.COM"})

    assert_problem(response, 409)
    assert response.json()["detail"] == "There is an open invitation for this e-mail"


async def test_a_member_is_not_invited(client: AsyncClient, owner: User) -> None:
    response = await client.post(URL, json={"email": owner.email.upper()})

    assert_problem(response, 409)
    assert response.json()["detail"] == "The user is already a member"


async def test_what_is_revoked_makes_room(client: AsyncClient) -> None:
    invitation = (await client.post(URL, json=ADA)).json()

    assert (await client.delete(f"{URL}/{invitation['id']}")).status_code == 204

    assert (await client.get(URL)).json()["total"] == 0
    assert_problem(await client.delete(f"{URL}/{invitation['id']}"), 404)
    assert_problem(await client.delete(f"{URL}/{uuid4()}"), 404)
    assert (await client.post(URL, json=ADA)).status_code == 201


async def test_what_has_expired_makes_room(
    service: Service, client: AsyncClient, owner: User
) -> None:
    await client.post(URL, json=ADA)

    with later(invitations.LIFETIME.total_seconds()):
        again = await (await service.sign_in(owner)).post(URL, json=ADA)

    assert again.status_code == 201


async def test_an_organization_has_few_open_invitations(
    client: AsyncClient,
    session: AsyncSession,
    organization: Organization,
    owner: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invitations, "MAX_OPEN", 2)
    for _ in range(2):
        await make_invitation(session, organization, owner)

    response = await client.post(URL, json=ADA)

    assert_problem(response, 409)
    assert "revoke one" in response.json()["detail"]


async def invite_and_revoke(client: AsyncClient, body: dict[str, str]) -> int:
    """The status of the invitation, which no longer counts as an open one."""
    response = await client.post(URL, json=body)
    if response.status_code == 201:
        await client.delete(f"{URL}/{response.json()['id']}")
    return response.status_code


@pytest.mark.usefixtures("clock")
async def test_nobody_is_flooded_with_invitations(own_url: str) -> None:
    async with running_limited(own_url, {Policy.MAIL: "2/hour"}) as service:
        async with service.database.write() as session:
            owner = await make_user(session)
            await make_organization(session, owner, slug="acme")
        client = await service.sign_in(owner)
        async with mails_of(service) as outbox:
            statuses = [await invite_and_revoke(client, ADA) for _ in range(3)]

    assert statuses == [201, 201, 429]
    assert len(outbox) == 2


@pytest.mark.usefixtures("clock")
async def test_an_organization_writes_to_few_strangers(own_url: str) -> None:
    async with running_limited(own_url, {Policy.INVITATION: "2/day"}) as service:
        async with service.database.write() as session:
            owner = await make_user(session)
            await make_organization(session, owner, slug="acme")
        client = await service.sign_in(owner)
        addresses = [f"{number}@example.com" for number in range(3)]
        statuses = [await invite_and_revoke(client, {"email": each}) for each in addresses]

    assert statuses == [201, 201, 429]
