import asyncio

from app.models.one_time_token import Purpose
from app.services import one_time_tokens
from tests.support.factories import make_user
from tests.support.service import Service


async def test_a_token_sent_several_times_at_once_is_spent_once(
    committed_service: Service,
) -> None:
    service = committed_service
    async with service.database.write() as session:
        user = await make_user(session)
        _, token = await one_time_tokens.issue(
            session, user.id, Purpose.VERIFY_EMAIL, email=user.email
        )
        await session.commit()

    async with service.client() as client:
        verify = [client.post("/api/v1/auth/verify-email", json={"token": token}) for _ in range(4)]
        responses = await asyncio.gather(*verify)

    assert sorted(response.status_code for response in responses) == [204, 400, 400, 400]
