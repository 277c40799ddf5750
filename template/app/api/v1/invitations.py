from uuid import UUID

from fastapi import Depends

from app.api.callers import AdminAccess, SessionUser
from app.api.deps import DB, Tasks, limit_address
from app.api.errors import problems
from app.api.idempotency import Idempotency
from app.api.paging import Pagination
from app.api.rate_limit import Policy
from app.api.resources import AppResources
from app.api.routing import Router
from app.models import Invitation
from app.schemas.invitation import InvitationAccept, InvitationCreate, InvitationResponse
from app.schemas.organization import OrganizationResponse
from app.schemas.paging import PaginatedResponse
from app.services import invitations, organizations
from app.tasks.mail import send_invitation_email

router = Router(tags=["invitations"], responses=problems(401, 403))


@router.post(
    "/organizations/{slug}/invitations",
    summary="Invite someone by email",
    status_code=201,
    response_model=InvitationResponse,
    responses=problems(404, 409),
)
async def create_invitation(
    db: DB,
    resources: AppResources,
    access: AdminAccess,
    queue: Tasks,
    idempotency: Idempotency,
    body: InvitationCreate,
) -> Invitation:
    """Send a token for `POST /invitations/accept` to the address. Admins and owners only.

    The role must not be above the caller's. The response does not reveal whether the address has
    an account.
    """
    limiter = resources.limiter
    await limiter.count(Policy.INVITATION, str(access.organization_id))
    await limiter.count_mail("invite", body.email)
    invitation = await invitations.create(db, access, body)
    queue.enqueue(send_invitation_email, str(invitation.id))
    return invitation


@router.get(
    "/organizations/{slug}/invitations", summary="List invitations", responses=problems(404)
)
async def list_invitations(
    db: DB, access: AdminAccess, pagination: Pagination
) -> PaginatedResponse[InvitationResponse]:
    """Invitations neither accepted nor revoked, newest first. Admins and owners only."""
    return await invitations.list_open(db, access.organization_id, pagination)


@router.delete(
    "/organizations/{slug}/invitations/{invitation_id}",
    summary="Revoke an invitation",
    status_code=204,
    responses=problems(404),
)
async def revoke_invitation(db: DB, access: AdminAccess, invitation_id: UUID) -> None:
    """Revoke the invitation and its token immediately. Admins and owners only."""
    await invitations.revoke(db, access.organization_id, invitation_id)


@router.post(
    "/invitations/accept",
    summary="Accept an invitation",
    responses=problems(400, 404, 409),
    dependencies=[Depends(limit_address(Policy.TOKEN))],
)
async def accept_invitation(
    db: DB, user: SessionUser, body: InvitationAccept
) -> OrganizationResponse:
    """Join the organization with the token emailed to the caller's address.

    400 for a token that is invalid, expired, revoked, already used or meant for another address,
    or whose inviter may no longer invite; 409 if the caller is already a member.
    """
    membership = await invitations.accept(db, user.id, body.token.get_secret_value())
    return await organizations.details(db, membership)
