"""What uvicorn must know of WebSockets."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.core.config import Settings


def websocket_options(settings: "Settings") -> dict[str, Any]:
    """Without compression, which costs memory for each socket and would tell secrets' lengths."""
    return {
        "ws_max_size": settings.WEBSOCKET_MAX_BYTES,
        "ws_per_message_deflate": False,
        "ws_ping_interval": settings.WEBSOCKET_PING_SECONDS,
        "ws_ping_timeout": settings.WEBSOCKET_PING_SECONDS,
    }
