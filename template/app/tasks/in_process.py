"""Run tasks in the process that enqueued them; pending ones are lost when it stops."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from app.core.config import Settings
from app.db.session import Database
from app.tasks.queue import Job, Task, TaskRunner


@asynccontextmanager
async def open_tasks(settings: Settings, database: Database) -> AsyncGenerator[TaskRunner]:
    async def start(task: Task[...], job_id: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        await task(Job(job_id, settings, database), *args, **kwargs)

    yield TaskRunner(start)
