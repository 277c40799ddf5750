"""Runs commands in this process: each sets up logging for itself, which is undone afterwards."""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager

import structlog
from typer.testing import CliRunner, Result

from app.cli import main
from tests.service import Service

KEY = "only-the-tests-use-this-key-0123456789"


async def run(*arguments: str, typed: str = "", **environment: str) -> Result:
    environment = {"ENVIRONMENT": "development", "SECRET_KEY": KEY} | environment
    with logging_restored():
        return await asyncio.to_thread(
            CliRunner().invoke, main, arguments, input=typed, env=environment
        )


async def run_on(service: Service, *arguments: str, typed: str = "", **environment: str) -> Result:
    """On the database of that service."""
    url = service.settings.DATABASE_URL
    return await run(*arguments, typed=typed, **{"DATABASE_URL": url} | environment)


@contextmanager
def logging_restored() -> Generator[None]:
    handlers, level = logging.root.handlers, logging.root.level
    try:
        yield
    finally:
        logging.root.handlers = handlers
        logging.root.setLevel(level)
        structlog.reset_defaults()
