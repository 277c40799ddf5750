"""Starts the hub of this process, whichever broker it has."""

import logging

from app.core.config import Settings
from app.db.changes import WatchedDatabase
from app.realtime.access import Authorizer
from app.realtime.broker import Broker
from app.realtime.feed import Feed
from app.realtime.hub import Hub

HANDSHAKES = (
    '%s - "WebSocket %s"',
    "ASGI callable returned without completing handshake",  # it says so of each refusal
    "connection ",
)


def start_hub(settings: Settings, database: WatchedDatabase, broker: Broker) -> Hub:
    logging.getLogger("uvicorn.error").addFilter(_harmless)
    hub = Hub(settings, Authorizer(database), broker)
    database.watch(Feed(hub).tell)
    return hub


def _harmless(record: logging.LogRecord) -> bool:
    """Without headers and frames, logged at DEBUG, and URLs with their query: we log each socket
    ourselves, and tokens never."""
    return record.levelno > logging.DEBUG and not str(record.msg).startswith(HANDSHAKES)
