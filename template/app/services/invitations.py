"""Invitations to an organization, each bound to an email address."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.core.clock import utc_now
from app.core.errors import Conflict, Forbidden, InvalidOneTimeToken, NotFound
from app.core.roles import may_grant
from app.core.tokens import hash_token, new_opaque_token
from app.models import Invitation, Membership, User
from app.schemas.invitation import InvitationCreate, InvitationResponse
from app.schemas.paging import PaginatedResponse, PaginationParams
from app.schemas.strings import normalize_email
from app.services import audit, memberships, users
from app.services.audit import Action
from app.services.locking import lock_organization, lock_user
from app.services.paging import Listing, Order

INVITATIONS = Listing(
    select(Invitation), InvitationResponse, Order(Invitation.created_at, Invitation.id)
)
LIFETIME = timedelta(days=7)
MAX_OPEN = 100


async def create(session: AsyncSession, actor: Membership, body: InvitationCreate) -> Invitation:
    """Invite an address without revealing whether it has an account."""
    await lock_user(session, actor.user_id)
    actor = await memberships.lock(session, actor)
    if not may_grant(actor.role, body.role):
        raise Forbidden
    email = normalize_email(body.email)
    if await memberships.has_email(session, actor.organization_id, email):
        raise Conflict("The user is already a member")
    await _make_room(session, actor.organization_id)
    invitation = Invitation(
        organization_id=actor.organization_id,
        invited_by=actor.user_id,
        email=body.email,
        email_normalized=email,
        role=body.role,
        expires_at=utc_now() + LIFETIME,
    )
    session.add(invitation)
    await session.flush()
    audit.record(session, Action.INVITATION_CREATED, invitation, role=invitation.role)
    return invitation


async def list_open(
    session: AsyncSession, organization_id: UUID, pagination: PaginationParams
) -> PaginatedResponse[InvitationResponse]:
    """Newest first, including expired ones."""
    of_organization = Invitation.organization_id == organization_id
    return await INVITATIONS.page(session, pagination, of_organization, Invitation.open())


async def revoke(session: AsyncSession, organization_id: UUID, invitation_id: UUID) -> None:
    mine = and_(Invitation.id == invitation_id, Invitation.organization_id == organization_id)
    invitation = await _find(session, mine, Invitation.open())
    if invitation is None:
        raise NotFound("Invitation not found")
    invitation.revoked_at = utc_now()
    await session.flush()
    audit.record(session, Action.INVITATION_REVOKED, invitation)


async def renew_token(session: AsyncSession, invitation_id: UUID) -> tuple[Invitation, str] | None:
    """Return the invitation with its organization and a new token, or None unless it is valid."""
    unexpired = Invitation.expires_at > utc_now()
    invitation = await _find(session, Invitation.id == invitation_id, Invitation.open(), unexpired)
    if invitation is None:
        return None
    token = new_opaque_token()
    invitation.token_hash = hash_token(token)
    await session.flush()
    return invitation, token


async def accept(session: AsyncSession, user_id: UUID, token: str) -> Membership:
    """Accept an invitation to the user's address, if its inviter may still grant the role.

    Raise InvalidOneTimeToken, or IntegrityError if the user is already a member.
    """
    user = await users.get(session, user_id, lock=True)
    valid = and_(
        Invitation.token_hash == hash_token(token),
        Invitation.email_normalized == user.email_normalized,
        Invitation.expires_at > utc_now(),
        Invitation.open(),
    )
    invitation = await _find(session, valid)
    if invitation is None or not await _inviter_may(session, invitation):
        raise InvalidOneTimeToken
    membership = Membership(
        user_id=user.id, organization=invitation.organization, role=invitation.role
    )
    session.add(membership)
    invitation.accepted_at = utc_now()
    user.email_verified_at = user.email_verified_at or utc_now()
    await session.flush()
    audit.record(session, Action.INVITATION_ACCEPTED, invitation, role=invitation.role)
    audit.record(
        session, Action.MEMBER_ADDED, membership, user_id=str(user_id), role=membership.role
    )
    return membership


async def _find(session: AsyncSession, *which: ColumnElement[bool]) -> Invitation | None:
    """Lock the organization and the invitation, so that concurrent requests find it closed."""
    organization_id = await session.scalar(select(Invitation.organization_id).where(*which))
    if organization_id is None:
        return None
    try:
        await lock_organization(session, organization_id)
    except NotFound:
        return None
    return await session.scalar(
        select(Invitation)
        .options(joinedload(Invitation.organization, innerjoin=True))
        .where(*which)
        .with_for_update(of=Invitation)
        .execution_options(populate_existing=True)
    )


async def _make_room(session: AsyncSession, organization_id: UUID) -> None:
    """Delete expired invitations, so that their addresses can be invited again."""
    mine = and_(Invitation.organization_id == organization_id, Invitation.open())
    await session.execute(
        delete(Invitation)
        .where(mine, Invitation.expires_at <= utc_now())
        .execution_options(synchronize_session=False)
    )
    if (await session.scalar(select(func.count(Invitation.id)).where(mine)) or 0) >= MAX_OPEN:
        raise Conflict(f"The limit of {MAX_OPEN} open invitations is reached; revoke one first")


async def _inviter_may(session: AsyncSession, invitation: Invitation) -> bool:
    role = await session.scalar(
        select(Membership.role)
        .join(Membership.user)
        .where(
            Membership.organization_id == invitation.organization_id,
            Membership.user_id == invitation.invited_by,
            User.enabled,
        )
    )
    return role is not None and may_grant(role, invitation.role)
