from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Organization, User
from tests.support.factories import make_project, make_user


async def test_a_naive_datetime_is_refused(session: AsyncSession) -> None:
    with pytest.raises(StatementError, match="needs a time zone"):
        await make_user(session, deleted_at=datetime.now(UTC).replace(tzinfo=None))


async def test_a_moment_comes_back_in_utc(session: AsyncSession) -> None:
    there = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    user = await make_user(session, deleted_at=there)

    stored = await session.scalar(select(User.deleted_at).where(User.id == user.id))

    assert stored == there
    assert stored is not None
    assert stored.tzinfo is UTC


async def test_moments_are_found_by_comparison(session: AsyncSession) -> None:
    there = datetime(2030, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    user = await make_user(session, deleted_at=there)
    just_after = datetime(2030, 1, 1, 7, 0, 0, 1, tzinfo=UTC)

    earlier = await session.scalars(select(User.id).where(User.deleted_at < just_after))

    assert earlier.all() == [user.id]


@pytest.mark.parametrize("key", ["12345678-9012-3456-7890-123e45678901", str(UUID(int=0))])
async def test_a_key_that_looks_like_a_number_stays_a_key(session: AsyncSession, key: str) -> None:
    await make_user(session, id=UUID(key))

    assert await session.scalar(select(User.id)) == UUID(key)


async def test_the_database_itself_refuses_an_unknown_role(session: AsyncSession) -> None:
    await make_user(session)

    with pytest.raises(IntegrityError):
        await session.execute(text("UPDATE users SET role = 'emperor'"))


async def test_the_database_itself_refuses_a_reference_to_nothing(session: AsyncSession) -> None:
    with pytest.raises(IntegrityError):
        await make_project(session, Organization(id=uuid4()))


async def test_a_row_prints_its_key_and_no_personal_data(session: AsyncSession) -> None:
    key = uuid4()
    user = await make_user(session, id=key)
    session.expire_all()

    assert repr(user) == f"<User {key}>"
    assert repr(User(email="ada@example.com")) == "<User not stored>"
