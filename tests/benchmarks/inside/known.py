"""What the rows of `seed.py` and the load must agree on."""

from datetime import UTC, datetime
from uuid import UUID

PASSWORD = "Correct-Horse-7!"
ADA, ADMIN, REFERENCE, ACME, LARGE, WRITES, PROJECT, ACTOR = (
    UUID(int=number) for number in range(1, 9)
)
START = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of row 0; each further row is a second older."""
