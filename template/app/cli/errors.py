"""Errors that an operator can fix, reported as a sentence rather than a traceback."""

from collections.abc import Generator
from contextlib import contextmanager

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.core.errors import AppError


@contextmanager
def readable_errors() -> Generator[None]:
    """End the command with exit code 1; never print the URL of the database."""
    try:
        yield
    except AppError as error:
        if error.__cause__ is not None:
            reason = _first_line(error.__cause__)
            raise SystemExit(f"The database cannot be reached: {reason}") from None
        raise SystemExit(error.detail) from None
    except CommandError as error:
        raise SystemExit(str(error)) from None
    except DBAPIError as error:
        reason = _first_line(error.orig)
        raise SystemExit(f"The database reports: {reason}. Is it migrated? (db upgrade)") from None
    except (OSError, SQLAlchemyError) as error:
        raise SystemExit(f"The database cannot be reached: {_first_line(error)}") from None


def _first_line(error: BaseException | None) -> str:
    """Omit the class that drivers prepend and the advice below; TimeoutError has no text."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.rpartition("'>: ")[2]
