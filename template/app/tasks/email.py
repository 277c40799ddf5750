"""The mails that the service sends; each is a task for the queue.

Only ids travel, so that what waits in a queue holds no personal data.
"""

from uuid import UUID

from app.core.errors import NotFound
from app.services import email
from app.services import user as users
from app.tasks.queue import Job


async def send_welcome_email(job: Job, user_id: str) -> None:
    settings = job.settings
    async with job.database.read() as session:
        try:
            user = await users.get(session, UUID(user_id))
        except NotFound:
            return  # deleted in the meantime
    subject = f"Welcome to {settings.PROJECT_NAME}"
    message = email.compose(
        settings, "welcome", message_id=job.id, to=user.email, subject=subject, name=user.name
    )
    await email.send(settings, message)
