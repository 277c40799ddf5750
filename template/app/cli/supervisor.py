"""Runs the server until it is told to stop, in one process or in several."""

import sys
from contextlib import suppress

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess


class Supervisor(Multiprocess):
    def terminate_all(self) -> None:
        """Leaves the port first: as long as anybody listens, clients connect, and wait in vain."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def run(config: Config) -> None:
    with suppress(KeyboardInterrupt):
        if config.workers > 1:
            supervisor = Supervisor(config, [config.bind_socket()])
            supervisor.run()
            failed = any(each.exitcode == STARTUP_FAILURE for each in supervisor.processes)
        else:
            server = Server(config)
            server.run()
            failed = not server.started
        if failed:
            sys.exit(STARTUP_FAILURE)
