"""Start the hub of this process with the given broker."""

import logging
from functools import partial

from app.core.config import Settings
from app.db.changes import WatchedDatabase
from app.realtime.access import Authorizer
from app.realtime.broker import Broker
from app.realtime.feed import publish_changes
from app.realtime.hub import Hub

HANDSHAKES = (
    '%s - "WebSocket %s"',
    # uvicorn 0.54 logs this as an error after each rejection (Kludex/uvicorn#3138).
    "ASGI callable returned without completing handshake",
    "connection ",
)


def start_hub(settings: Settings, database: WatchedDatabase, broker: Broker) -> Hub:
    logging.getLogger("uvicorn.error").addFilter(_is_safe)
    hub = Hub(settings, Authorizer(database), broker)
    database.watch(partial(publish_changes, hub))
    return hub


def _is_safe(record: logging.LogRecord) -> bool:
    """Drop records that hold tokens: headers and frames at DEBUG, URLs with their query.

    The service logs each connection itself.
    """
    return record.levelno > logging.DEBUG and not str(record.msg).startswith(HANDSHAKES)
