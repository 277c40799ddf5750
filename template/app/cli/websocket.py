"""What uvicorn must know of WebSockets."""

from typing import Any

MAX_BYTES = 65_536  # the longest message there may be has 4,000 characters
PING_SECONDS = 20  # proxies close a connection that is idle for a minute


def websocket_options() -> dict[str, Any]:
    """Switch compression off: it costs memory for each socket and reveals secrets' lengths."""
    return {
        "ws_max_size": MAX_BYTES,
        "ws_per_message_deflate": False,
        "ws_ping_interval": PING_SECONDS,
        "ws_ping_timeout": PING_SECONDS,
    }
