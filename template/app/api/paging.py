"""Which part of a list a request asks for."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import AfterValidator

from app.schemas.paging import Cursor, PaginationParams, valid_cursor

Limit = Annotated[int, Query(ge=1, le=100, description="Items per page")]


async def get_pagination(
    page: Annotated[int, Query(ge=1, le=10_000, description="Page number, from 1")] = 1,
    limit: Limit = 20,
) -> PaginationParams:
    return PaginationParams(page=page, limit=limit)


Pagination = Annotated[PaginationParams, Depends(get_pagination)]


async def get_cursor(
    cursor: Annotated[
        str | None,
        Query(max_length=200, description="The `next_cursor` of the page before"),
        AfterValidator(valid_cursor),
    ] = None,
) -> Cursor | None:
    return Cursor.decode(cursor) if cursor else None


After = Annotated[Cursor | None, Depends(get_cursor)]
"""Where the last page of a long list ended: what is added meanwhile shifts no row."""
