"""Pages of a query's rows, by number or after a cursor."""

from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Select, func, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.schemas.common import Schema
from app.schemas.paging import Cursor, CursorPage, PaginatedResponse, PaginationParams

Item = TypeVar("Item", bound=Schema)


class Order(NamedTuple):
    """By a time, and by id for rows with the same time. An index must end with both columns."""

    moment: InstrumentedAttribute[datetime]
    id: InstrumentedAttribute[UUID]
    oldest_first: bool = False


async def paginate(
    session: AsyncSession,
    query: Select[Any],
    order: Order,
    pagination: PaginationParams,
    kind: type[Item],
) -> PaginatedResponse[Item]:
    """Return a page of `query`, which must select one entity or Bundle and have no order."""
    offset = query.offset(pagination.offset)
    page = await page_after(session, offset, order, pagination.cursor, pagination.limit, kind)
    total = await _count(session, query, pagination, page)
    return PaginatedResponse.create(page, total, pagination)


async def page_after(
    session: AsyncSession,
    query: Select[Any],
    order: Order,
    cursor: str | None,
    limit: int,
    kind: type[Item],
) -> CursorPage[Item]:
    """Read one row more than the page has, to learn whether another page follows."""
    moment, key, oldest_first = order
    if cursor:
        end = Cursor.decode(cursor)
        row, last = tuple_(moment, key), (end.moment, end.id)
        query = query.where(row > last if oldest_first else row < last)
    query = query.order_by(*((moment, key) if oldest_first else (moment.desc(), key.desc())))
    rows = list(await session.scalars(query.limit(limit + 1)))
    following = None
    if len(rows) > limit:
        end = rows[limit - 1]
        following = Cursor(getattr(end, moment.key), getattr(end, key.key)).encode()
    data = [kind.model_validate(row) for row in rows[:limit]]
    return CursorPage(data=data, next_cursor=following)


async def _count(
    session: AsyncSession,
    query: Select[Any],
    pagination: PaginationParams,
    page: CursorPage[Item],
) -> int | None:
    """Count the rows, unless the page shows that it is the last one or nobody wants the total."""
    if pagination.cursor or not pagination.counted:
        return None
    if page.next_cursor is None and (page.data or pagination.page == 1):
        return pagination.offset + len(page.data)
    return await session.scalar(query.with_only_columns(func.count(), maintain_column_froms=True))
