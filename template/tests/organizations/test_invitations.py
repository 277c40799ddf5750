from uuid import uuid4

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.rate_limit import Policy
from app.core.roles import MemberRole
from app.models import Organization, User
from app.services import invitations
from tests.support.clock import later
from tests.support.factories import make_invitation, make_owner, make_user
from tests.support.limited import running_limited
from tests.support.mailbox import Outbox, mails_of
from tests.support.members import NewMember
from tests.support.service import Service, assert_problem

URL = "/api/v1/organizations/acme/invitations"
ADA = {"email": "Ada@example.com", "role": "member"}

pytestmark = pytest.mark.usefixtures("organization")


async def test_owner_invites_by_mail(client: AsyncClient, owner: User, outbox: Outbox) -> None:
    response = await client.post(URL, json=ADA)

    assert response.status_code == 201
    invitation = response.json()
    assert (invitation["email"], invitation["role"]) == ("Ada@example.com", "member")
    assert invitation["invited_by"] == str(owner.id)
    assert (await client.get(URL)).json()["data"] == [invitation]
    (mail,) = outbox
    assert (mail["To"], mail["Subject"]) == ("Ada@example.com", "Invitation to join Acme Ltd")


async def test_invitation_does_not_reveal_an_account(
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
async def test_role_above_the_inviter_is_rejected(
    new_member: NewMember, actor: str, role: str, status: int
) -> None:
    inviter = await new_member(MemberRole(actor))

    response = await inviter.client.post(URL, json=ADA | {"role": role})

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
async def test_invalid_invitation_gets_422(client: AsyncClient, body: object) -> None:
    assert_problem(await client.post(URL, json=body), 422)


async def test_address_has_one_open_invitation(client: AsyncClient) -> None:
    await client.post(URL, json=ADA)

    response = await client.post(URL, json=ADA | {"email": "ADA@EXAMPLE.COM"})

    assert_problem(response, 409, "There is already an open invitation for this email")


async def test_member_is_not_invited(client: AsyncClient, owner: User) -> None:
    response = await client.post(URL, json={"email": owner.email.upper()})

    assert_problem(response, 409, "The user is already a member")


async def test_revoked_invitation_allows_another(client: AsyncClient) -> None:
    invitation = (await client.post(URL, json=ADA)).json()

    assert (await client.delete(f"{URL}/{invitation['id']}")).status_code == 204

    assert (await client.get(URL)).json()["total"] == 0
    assert_problem(await client.delete(f"{URL}/{invitation['id']}"), 404)
    assert_problem(await client.delete(f"{URL}/{uuid4()}"), 404)
    assert (await client.post(URL, json=ADA)).status_code == 201


async def test_expired_invitation_allows_another(
    service: Service, client: AsyncClient, owner: User
) -> None:
    await client.post(URL, json=ADA)

    with later(invitations.LIFETIME.total_seconds()):
        again = await (await service.sign_in(owner)).post(URL, json=ADA)

    assert again.status_code == 201


async def test_open_invitations_are_limited(
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
    """Return the status of the invitation; it no longer counts as open."""
    response = await client.post(URL, json=body)
    if response.status_code == 201:
        await client.delete(f"{URL}/{response.json()['id']}")
    return response.status_code


@pytest.mark.usefixtures("clock")
async def test_mails_to_an_address_are_limited(own_url: str) -> None:
    async with running_limited(own_url, {Policy.MAIL: "2/hour"}) as service:
        client = await service.sign_in(await service.make(make_owner))
        async with mails_of(service) as outbox:
            statuses = [await invite_and_revoke(client, ADA) for _ in range(3)]

    assert statuses == [201, 201, 429]
    assert len(outbox) == 2


@pytest.mark.usefixtures("clock")
async def test_invitations_of_an_organization_are_limited(own_url: str) -> None:
    async with running_limited(own_url, {Policy.INVITATION: "2/day"}) as service:
        client = await service.sign_in(await service.make(make_owner))
        addresses = [f"{number}@example.com" for number in range(3)]
        statuses = [await invite_and_revoke(client, {"email": each}) for each in addresses]

    assert statuses == [201, 201, 429]
