from uuid import UUID

from app.services import email, invitations
from app.tasks.queue import Job


async def send_invitation_email(job: Job, invitation_id: str) -> None:
    """Started again, it mails another token, which replaces the first."""
    async with job.database.write() as session:
        renewed = await invitations.renew_token(session, UUID(invitation_id))
        await session.commit()
    if renewed is None:
        return
    invitation, token = renewed
    organization = invitation.organization.name
    message = email.compose(
        job.settings,
        "invitation",
        message_id=email.message_id(job.id, token),
        to=invitation.email,
        subject=f"Invitation to {organization}",
        page="/invitations",
        token=token,
        organization=organization,
        role=invitation.role,
    )
    await email.send(job.settings, message)
