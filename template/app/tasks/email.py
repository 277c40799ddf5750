"""The mails that the service sends; each is a task for the queue."""

from app.services import email
from app.tasks.queue import Job


async def send_welcome_email(job: Job, *, to: str, name: str) -> None:
    settings = job.settings
    subject = f"Welcome to {settings.PROJECT_NAME}"
    message = email.compose(
        settings, "welcome", message_id=job.id, to=to, subject=subject, name=name
    )
    await email.send(settings, message)
