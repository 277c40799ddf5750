"""Numbered pages of a query's rows."""

from typing import Any, TypeVar

from sqlalchemy import Select, func
from sqlalchemy.ext.asyncio import AsyncSession

from app.schemas.common import Schema
from app.schemas.paging import PaginatedResponse, PaginationParams

Item = TypeVar("Item", bound=Schema)


async def paginate(
    session: AsyncSession, query: Select[Any], pagination: PaginationParams, kind: type[Item]
) -> PaginatedResponse[Item]:
    """Return a page of `query`, which must be ordered and select one entity or Bundle."""
    counting = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    total = await session.scalar(counting)
    rows = await session.scalars(query.offset(pagination.offset).limit(pagination.limit))
    return PaginatedResponse.create(
        [kind.model_validate(row) for row in rows], total or 0, pagination
    )
