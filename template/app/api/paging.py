"""Query parameters that select a page of a list."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator

from app.schemas.paging import Cursor, PaginationParams, valid_cursor

Limit = Annotated[int, Query(ge=1, le=100, description="Items per page")]


async def get_pagination(
    page: Annotated[int, Query(ge=1, le=10_000, description="Page number, starting at 1")] = 1,
    limit: Limit = 20,
) -> PaginationParams:
    return PaginationParams(page=page, limit=limit)


Pagination = Annotated[PaginationParams, Depends(get_pagination)]


async def get_cursor(
    cursor: Annotated[
        str | None,
        Query(max_length=200, description="The `next_cursor` of the previous page"),
        AfterValidator(valid_cursor),
    ] = None,
) -> Cursor | None:
    return Cursor.decode(cursor) if cursor else None


After = Annotated[Cursor | None, Depends(get_cursor)]
"""The end of the previous page of a long list: rows added since then shift nothing."""
