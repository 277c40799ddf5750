"""The database of a command that runs in development without a DATABASE_URL."""

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.cli.declared import Declared
from app.cli.postgres import private_postgres
from app.cli.postgres_binaries import PostgresError


class DeclaredDatabase(Declared):
    DATABASE_URL: str = ""


@contextmanager
def development_database(directory: Path) -> Generator[None]:
    """Sets DATABASE_URL for this process and its children, to a private server."""
    declared = DeclaredDatabase()
    with ExitStack() as stack:
        if declared.development and not declared.DATABASE_URL:
            try:
                url = stack.enter_context(private_postgres(directory))
            except PostgresError as error:
                raise SystemExit(str(error)) from None
            os.environ["DATABASE_URL"] = url
            stack.callback(os.environ.pop, "DATABASE_URL")
        yield
