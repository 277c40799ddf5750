"""What uvicorn must know of WebSockets."""

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from app.core.config import Settings


class WebSocketOptions(TypedDict):
    ws_max_size: int
    ws_per_message_deflate: bool
    ws_ping_interval: float
    ws_ping_timeout: float


def websocket_options(settings: "Settings") -> WebSocketOptions:
    """Without compression, which costs memory for each socket and would tell secrets' lengths."""
    return {
        "ws_max_size": settings.WEBSOCKET_MAX_BYTES,
        "ws_per_message_deflate": False,
        "ws_ping_interval": settings.WEBSOCKET_PING_SECONDS,
        "ws_ping_timeout": settings.WEBSOCKET_PING_SECONDS,
    }
