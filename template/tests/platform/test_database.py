from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Organization, User
from tests.support.factories import add_member, make_user


async def test_naive_datetime_is_rejected(session: AsyncSession) -> None:
    with pytest.raises(StatementError, match="needs a time zone"):
        await make_user(session, deleted_at=datetime.now(UTC).replace(tzinfo=None))


async def test_datetime_is_compared_and_returned_in_utc(session: AsyncSession) -> None:
    there = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    await make_user(session, deleted_at=there)
    just_after = datetime(2030, 1, 1, 7, 0, 0, 1, tzinfo=UTC)

    earlier = select(User.deleted_at).where(User.deleted_at < just_after)
    stored = await session.scalar(earlier)

    assert stored == there
    assert stored is not None
    assert stored.tzinfo is UTC


@pytest.mark.parametrize("key", ["12345678-9012-3456-7890-123e45678901", str(UUID(int=0))])
async def test_uuid_that_looks_like_a_number_stays_a_uuid(session: AsyncSession, key: str) -> None:
    await make_user(session, id=UUID(key))

    assert await session.scalar(select(User.id)) == UUID(key)


async def test_database_rejects_an_unknown_role(session: AsyncSession) -> None:
    await make_user(session)

    with pytest.raises(IntegrityError):
        await session.execute(text("UPDATE users SET role = 'emperor'"))


async def test_database_rejects_a_missing_reference(session: AsyncSession) -> None:
    user = await make_user(session)

    with pytest.raises(IntegrityError):
        await add_member(session, Organization(id=uuid4()), user)


async def test_repr_has_the_id_and_no_personal_data(session: AsyncSession) -> None:
    key = uuid4()
    user = await make_user(session, id=key)
    session.expire_all()

    assert repr(user) == f"<User {key}>"
    assert repr(User(email="ada@example.com")) == "<User not stored>"
