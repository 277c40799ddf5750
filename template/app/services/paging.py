"""Pages of a query's rows, by number or after a cursor."""

from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import ColumnExpressionArgument, Integer, Select, bindparam, func, tuple_
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


class Listing(Generic[Item]):
    """A list that clients read in pages. Its statements are built once, at import."""

    def __init__(self, query: Select[Any], kind: type[Item], order: Order) -> None:
        """`query` selects one entity or Bundle and has no order; its values are `bindparam`s."""
        moment, key, oldest_first = order
        ordered = query.order_by(*((moment, key) if oldest_first else (moment.desc(), key.desc())))
        limited = ordered.limit(bindparam("row_limit", type_=Integer))
        row = tuple_(moment, key)
        end = tuple_(
            bindparam("after_moment", type_=moment.type), bindparam("after_id", type_=key.type)
        )
        self._kind, self._order = kind, order
        self._count = query.with_only_columns(func.count(), maintain_column_froms=True)
        self._by_number = limited.offset(bindparam("row_offset", type_=Integer))
        self._after = limited.where(row > end if oldest_first else row < end)

    async def page(
        self,
        session: AsyncSession,
        pagination: PaginationParams,
        *filters: ColumnExpressionArgument[bool],
        **values: Any,
    ) -> PaginatedResponse[Item]:
        """Return the page by its number, or the one after a cursor. Count the rows, unless the page
        shows that it is the last one or the client asks for no total."""
        cursor, limit, offset = pagination.cursor, pagination.limit, pagination.offset
        page = await self.after(session, cursor, limit, *filters, row_offset=offset, **values)
        total = None
        if pagination.counted and not cursor:
            if page.next_cursor is None and (page.data or not offset):
                total = offset + len(page.data)
            else:
                count = self._count.where(*filters) if filters else self._count
                total = await session.scalar(count, values)
        return PaginatedResponse.create(page, total, pagination)

    async def after(
        self,
        session: AsyncSession,
        cursor: str | None,
        limit: int,
        *filters: ColumnExpressionArgument[bool],
        row_offset: int = 0,
        **values: Any,
    ) -> CursorPage[Item]:
        """Read one row more than the page has, to learn whether another page follows."""
        query = self._by_number
        values["row_limit"] = limit + 1
        if cursor:
            end = Cursor.decode(cursor)
            query = self._after
            values |= {"after_moment": end.moment, "after_id": end.id}
        else:
            values["row_offset"] = row_offset
        rows = list(await session.scalars(query.where(*filters) if filters else query, values))
        following = None
        if len(rows) > limit:
            last, (moment, key, _) = rows[limit - 1], self._order
            following = Cursor(getattr(last, moment.key), getattr(last, key.key)).encode()
        data = [self._kind.model_validate(row) for row in rows[:limit]]
        return CursorPage(data=data, next_cursor=following)
