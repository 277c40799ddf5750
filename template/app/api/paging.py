"""Query parameters that select a page of a list."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from pydantic import AfterValidator

from app.schemas.paging import PaginationParams, valid_cursor

Limit = Annotated[int, Query(ge=1, le=100, description="Items per page")]
After = Annotated[
    str | None,
    Query(max_length=200, description="The `next_cursor` of the previous page"),
    AfterValidator(valid_cursor),
]
"""The end of the previous page: rows added since then shift nothing."""


async def get_pagination(
    page: Annotated[int, Query(ge=1, le=10_000, description="Page number, starting at 1")] = 1,
    limit: Limit = 20,
    cursor: After = None,
    total: Annotated[
        Literal["exact", "none"], Query(description="`none` skips the count, which is slow")
    ] = "exact",
) -> PaginationParams:
    return PaginationParams(page=page, limit=limit, cursor=cursor, counted=total == "exact")


Pagination = Annotated[PaginationParams, Depends(get_pagination)]
"""A page by its number, or the one after a cursor, which takes precedence."""
