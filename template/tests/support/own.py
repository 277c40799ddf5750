"""Your own domains, for the tests that look at all of them. This file is yours alone."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Organization
from tests.support.catalogue import Entry, Values

# A function for each model: `make_task(session, organization, **columns)` saves a valid `Task`.
# Your own rows go below this line.


async def values_for(session: AsyncSession, organization: Organization) -> Values:
    """Make a row for each path parameter of your own, in this organization."""
    return {
        # "task_id": (await make_task(session, organization)).id,
    }


CATALOGUE: dict[str, Entry] = {
    # "create_task": Entry(MemberRole.MEMBER),
    # Your own operations go below this line.
}
