"""Script: write how many SQL statements each operation of a rendering takes into a JSON file.

Each is called once, with a valid request, on a database and in a service of its own that counts
requests as in production. What happens after the response has begun is left out, and so are BEGIN
and COMMIT.
"""

import asyncio
import json
import os
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alembic import command
from app.cli.database import alembic_config
from httpx import ASGITransport
from sqlalchemy import Engine, event
from starlette.types import Message, Receive, Scope, Send
from tests.support.operations import make_superuser, operations_of
from tests.support.service import Service, running_with

from tests.conftest import open_databases, settings_for

LIMITED = {"RATE_LIMIT_ENABLED": True, "RATE_LIMIT_ADDRESSES": True}
statements: list[str] = []


@event.listens_for(Engine, "before_cursor_execute")
def count_statement(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
    if not statement.startswith("BEGIN"):  # executed only on sqlite
        statements.append(statement)


async def cost(service: Service, name: str) -> int:
    at_response: list[int] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            at_response.append(len(statements))
            await send(message)

        await service.app(scope, receive, note)

    async with service.database.write() as session:
        client, values = await make_superuser(service, session)
    client._transport = ASGITransport(watched)
    operations = {each.name: each for each in operations_of(service)}
    if name == "refresh":
        pair = (await operations["login"].succeed(client, values)).json()
        operations[name].entry.body["refresh_token"] = pair["refresh_token"]
    at_response.clear()
    statements.clear()
    await operations[name].succeed(client, values)
    return at_response[0]


async def count() -> dict[str, int]:
    counts = {}
    async with open_databases() as databases:
        migrated = await databases.create()
        await asyncio.to_thread(command.upgrade, alembic_config(settings_for(migrated)), "head")
        async with running_with(settings_for(migrated)) as service:
            names = sorted(each.name for each in operations_of(service))
        for name in names:
            async with (
                databases.lend(migrated) as url,
                running_with(settings_for(url, **LIMITED)) as service,
            ):
                counts[name] = await cost(service, name)
    return counts


if __name__ == "__main__":
    with ExitStack() as running:
        if find_spec("development") and find_spec("development.redis"):
            from development.redis import private_redis

            os.environ["REDIS_URL"] = running.enter_context(private_redis())
        Path(sys.argv[1]).write_text(json.dumps(asyncio.run(count())), encoding="utf-8")
