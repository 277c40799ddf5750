"""Logs of the service and its libraries: one event per line, as JSON when deployed."""

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from app.core.config import Settings

if TYPE_CHECKING:
    from structlog.typing import Processor


def setup_logging(settings: Settings) -> None:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *_render(settings)],
        logger_factory=_Writer,
        wrapper_class=structlog.make_filtering_bound_logger(settings.LOG_LEVEL),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_render(settings),
            ],
        )
    )
    logging.root.handlers = [handler]
    logging.root.setLevel(settings.LOG_LEVEL)
    _tame_libraries()


class _Writer:
    """Write the service's own events without `logging`, whose records cost more than the rest."""

    def __init__(self, name: str) -> None:
        self.name = name

    def debug(self, line: str) -> None:
        with suppress(OSError, ValueError):  # a full disk or closed pipe must not fail a request
            sys.stderr.write(f"{line}\n")

    info = warning = error = critical = debug


def _tame_libraries() -> None:
    for name in ("alembic.autogenerate", "alembic.runtime.plugins", "watchfiles"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # the API logs each request itself


def _render(settings: Settings) -> list["Processor"]:
    """Render tracebacks without local variables, which may include a password."""
    if settings.deployed:
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [
            structlog.processors.ExceptionRenderer(tracebacks),
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
