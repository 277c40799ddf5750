from uuid import UUID

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import UpdateBase, delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.roles import MemberRole
from app.core.tokens import hash_token
from app.models import Invitation, Membership, Organization, User
from app.services import invitations
from app.tasks.mail import send_invitation_email
from tests.support.clock import later
from tests.support.factories import add_member, make_invitation, make_user
from tests.support.mailbox import Outbox, token_in
from tests.support.service import Service, assert_problem

ACME = "/api/v1/organizations/acme"
ACCEPT = "/api/v1/invitations/accept"
TOKEN = "the-token-of-the-mail"
IS_ADMIN = Membership.role == MemberRole.ADMIN
IS_INVITER = User.email == "inviter@example.com"

pytestmark = pytest.mark.usefixtures("organization")


@pytest.fixture
async def inviter(session: AsyncSession, organization: Organization) -> User:
    user = await make_user(session, email="inviter@example.com")
    await add_member(session, organization, user, MemberRole.ADMIN)
    return user


@pytest.fixture
async def invitation(
    session: AsyncSession, organization: Organization, inviter: User
) -> Invitation:
    return await make_invitation(
        session, organization, inviter, email="ada@example.com", token_hash=hash_token(TOKEN)
    )


@pytest.fixture
async def ada(session: AsyncSession) -> User:
    return await make_user(session, email="Ada@example.com")


async def accept(service: Service, user: User, token: str = TOKEN) -> Response:
    return await (await service.sign_in(user)).post(ACCEPT, json={"token": token})


async def test_mailed_token_makes_a_member(
    service: Service, client: AsyncClient, session: AsyncSession, ada: User, outbox: Outbox
) -> None:
    body = {"email": "ada@example.com", "role": "viewer"}
    await client.post(f"{ACME}/invitations", json=body)

    response = await accept(service, ada, token_in(outbox[-1]))

    assert response.status_code == 200
    assert (response.json()["slug"], response.json()["role"]) == ("acme", "viewer")
    await session.refresh(ada)
    assert ada.email_verified_at is not None


async def test_only_the_last_token_works(
    service: Service, invitation: Invitation, ada: User, outbox: Outbox
) -> None:
    """A worker that dies after sending a mail leaves the job to another, which sends it again."""
    for _ in range(2):
        arguments = [str(invitation.id)]
        await service.resources.tasks.start(send_invitation_email, "a-job", arguments, {})
    first, last = map(token_in, outbox)

    assert_problem(await accept(service, ada, first), 400)
    assert (await accept(service, ada, last)).status_code == 200


async def test_invitation_works_once(service: Service, invitation: Invitation, ada: User) -> None:
    await accept(service, ada)

    assert_problem(await accept(service, ada), 400)


@pytest.mark.usefixtures("invitation")
async def test_token_of_another_user_is_rejected(service: Service, session: AsyncSession) -> None:
    thief = await make_user(session)

    stolen = await accept(service, thief)
    guessed = await accept(service, thief, "a-guess")

    assert_problem(stolen, 400)
    assert stolen.json()["detail"] == guessed.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        update(Invitation).values(revoked_at=utc_now()),
        update(Invitation).values(accepted_at=utc_now()),
        update(Invitation).values(expires_at=utc_now()),
        update(Invitation).values(role=MemberRole.OWNER),  # above the inviter's own
        update(Membership).where(IS_ADMIN).values(role=MemberRole.MEMBER),
        delete(Membership).where(IS_ADMIN),
        update(User).where(IS_INVITER).values(is_active=False),
        update(User).where(IS_INVITER).values(deleted_at=utc_now()),
        update(Organization).values(deleted_at=utc_now()),
    ],
)
@pytest.mark.usefixtures("invitation")
async def test_void_invitation_is_rejected(
    service: Service, session: AsyncSession, ada: User, change: UpdateBase
) -> None:
    await session.execute(change)
    await session.commit()

    assert_problem(await accept(service, ada), 400)


async def test_invitation_expires(service: Service, invitation: Invitation, ada: User) -> None:
    with later(invitations.LIFETIME.total_seconds()):
        assert_problem(await accept(service, ada), 400)


@pytest.mark.usefixtures("invitation")
async def test_member_cannot_accept(
    service: Service, session: AsyncSession, organization: Organization, ada: User
) -> None:
    await add_member(session, organization, ada, MemberRole.VIEWER)

    assert_problem(await accept(service, ada), 409, "The user is already a member")


@pytest.mark.usefixtures("invitation")
async def test_removed_member_cannot_rejoin_with_an_old_invitation(
    service: Service,
    client: AsyncClient,
    session: AsyncSession,
    organization: Organization,
    ada: User,
) -> None:
    await add_member(session, organization, ada, MemberRole.VIEWER)

    assert (await client.delete(f"{ACME}/members/{ada.id}")).status_code == 204

    assert_problem(await accept(service, ada), 400)


@pytest.mark.usefixtures("invitation")
async def test_adding_a_user_closes_their_invitation(client: AsyncClient, ada: User) -> None:
    await client.post(f"{ACME}/members", json={"user_id": str(ada.id)})

    assert (await client.get(f"{ACME}/invitations")).json()["total"] == 0


async def test_token_is_not_stored(
    client: AsyncClient, session: AsyncSession, outbox: Outbox
) -> None:
    url = f"{ACME}/invitations"
    response = await client.post(url, json={"email": "ada@example.com"})

    token = token_in(outbox[-1])
    row = await session.get_one(Invitation, UUID(response.json()["id"]))
    assert token not in {str(getattr(row, column.key)) for column in Invitation.__table__.columns}
    assert token not in response.text + (await client.get(url)).text
