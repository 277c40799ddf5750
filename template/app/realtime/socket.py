"""A client in a room, as the hub knows it: who it is, and what it is still to be sent."""

import asyncio

from app.realtime.access import Access

QUEUE_SIZE = 64


class Socket:
    def __init__(self, access: Access) -> None:
        self.access = access
        self.queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_SIZE)
        self.too_slow = False
        self.attention = asyncio.Event()
        """Set when it is too slow, or when its access must be checked again."""

    def put(self, text: str) -> None:
        """Never waits: whoever does not read in time is left behind, and delays nobody."""
        try:
            self.queue.put_nowait(text)
        except asyncio.QueueFull:
            self.too_slow = True
            self.attention.set()
