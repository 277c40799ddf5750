"""Ports for the servers that the tests start."""

import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Generator[int]:
    """Yield a port of 127.0.0.1 that stays free for the server that the test starts.

    On Linux our socket, which is bound and does not listen, keeps the port from other programs:
    only a server that sets SO_REUSEADDR, as ours all do, can listen there as well. Elsewhere
    the port was free a moment ago.
    """
    with socket.socket() as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port: int = reservation.getsockname()[1]
        if sys.platform != "linux":
            reservation.close()
        yield port
