"""The service's commands, run in this process."""

import asyncio

from typer.testing import CliRunner, Result

from app.cli import main
from tests.support.service import Service

KEY = "only-the-tests-use-this-key-0123456789"


async def run(*arguments: str, typed: str = "", **environment: str) -> Result:
    environment = {"ENVIRONMENT": "development", "SECRET_KEY": KEY} | environment
    return await asyncio.to_thread(
        CliRunner().invoke, main, arguments, input=typed, env=environment
    )


async def run_on(service: Service, *arguments: str, typed: str = "", **environment: str) -> Result:
    """Run a command on the database of the service."""
    url = service.settings.DATABASE_URL
    return await run(*arguments, typed=typed, **{"DATABASE_URL": url} | environment)
