"""A message as the worker's first process sees it, which kills what exceeds its time limit."""

from typing import Any

import structlog
from celery import Celery
from celery.exceptions import TimeLimitExceeded
from celery.worker.request import Request

from app.core.config import Settings
from app.core.errors import Unavailable
from app.tasks.celery_retries import Message, retry
from app.tasks.queue import Task

logger = structlog.stdlib.get_logger(__name__)


def request_for(settings: Settings, celery: Celery, task: Task[...]) -> type[Request]:
    class RetriedRequest(Request):
        def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> None:
            """Celery would forget a task that it has killed, and that could not fail by itself."""
            if issubclass(exc_info.type, TimeLimitExceeded):
                self._retry(TimeLimitExceeded(settings.TASK_TIME_LIMIT))
            super().on_failure(exc_info, *args, **kwargs)

        def _retry(self, error: Exception) -> None:
            retries = self.request_dict["retries"]
            message = Message(task, self.id, retries, self.args, self.kwargs)
            with message.named_in_the_log():
                try:
                    retry(celery, message, error)
                except Unavailable as unavailable:
                    logger.warning("task_delayed", error=repr(unavailable))
                    self.reject(requeue=True)

    return RetriedRequest
