"""Telling a database that cannot answer now from a statement that is wrong."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# The classes of SQLSTATE for which PostgreSQL itself advises to try again.
CONNECTION, ROLLED_BACK, RESOURCES, INTERVENTION = "08", "40", "53", "57"

OUTAGES = (DBAPIError, PoolTimeoutError, TimeoutError)
"""What `is_outage` judges; a bare TimeoutError is a statement that outlasted its time."""


def is_outage(error: Exception) -> bool:
    if not isinstance(error, DBAPIError):
        return isinstance(error, OUTAGES)
    if error.connection_invalidated or isinstance(error, InterfaceError | OperationalError):
        return True
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in {CONNECTION, ROLLED_BACK, RESOURCES, INTERVENTION}
