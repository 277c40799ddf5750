"""Numbered pages of the rows that a query finds."""

from typing import Any, TypeVar

from sqlalchemy import Select, func
from sqlalchemy.ext.asyncio import AsyncSession

from app.schemas.common import Schema
from app.schemas.paging import PaginatedResponse, PaginationParams

Item = TypeVar("Item", bound=Schema)


async def paginate(
    session: AsyncSession, query: Select[Any], pagination: PaginationParams, kind: type[Item]
) -> PaginatedResponse[Item]:
    """`query` is ordered, and selects one entity or Bundle, of which each `kind` is made."""
    counting = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
    total = await session.scalar(counting)
    rows = await session.scalars(query.offset(pagination.offset).limit(pagination.limit))
    return PaginatedResponse.create(
        [kind.model_validate(row) for row in rows], total or 0, pagination
    )
