from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.deps import DB, Tasks
from app.core.clock import utc_now
from app.core.errors import Conflict
from app.tasks.mail import send_welcome_email
from tests.support.factories import make_user
from tests.support.logins import ADA, REGISTER
from tests.support.outbox import Outbox
from tests.support.service import Service, add_route


async def test_failed_registration_sends_no_mail(client: AsyncClient, outbox: Outbox) -> None:
    statuses = [(await client.post(REGISTER, json=ADA)).status_code for _ in range(2)]

    assert statuses == [201, 409]
    assert len(outbox) == 1


async def test_failed_request_drops_its_tasks(
    service: Service, session: AsyncSession, client: AsyncClient, outbox: Outbox
) -> None:
    user = await make_user(session)

    async def enqueue_and_fail(db: DB, queue: Tasks) -> None:
        queue.enqueue(send_welcome_email, str(user.id))
        raise Conflict("Too late")

    response = await client.post(add_route(service, enqueue_and_fail))

    assert response.status_code == 409
    assert outbox == []


@pytest.mark.parametrize(
    ("columns", "mails"), [({}, 1), ({"deleted_at": utc_now()}, 0), ({"is_active": False}, 0)]
)
async def test_only_active_users_get_mail(
    service: Service, session: AsyncSession, outbox: Outbox, columns: dict[str, Any], mails: int
) -> None:
    user = await make_user(session, **columns)

    await service.resources.tasks.start(send_welcome_email, "a-job", [str(user.id)], {})

    assert len(outbox) == mails
