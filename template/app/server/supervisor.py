"""Run the server, in one or more processes, until a signal stops it."""

import sys
from contextlib import suppress

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess


class Supervisor(Multiprocess):
    def terminate_all(self) -> None:
        """Close the listening sockets first, so that no client connects to a stopping server.

        uvicorn 0.54 keeps them open; https://github.com/Kludex/uvicorn/pull/2010 was not merged.
        """
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def run(config: Config) -> None:
    with suppress(KeyboardInterrupt):
        if config.workers == 1:
            Server(config).run()
            return
        supervisor = Supervisor(config, [config.bind_socket()])
        supervisor.run()
        # uvicorn 0.54 stops when a process cannot start, but exits with 0:
        # https://github.com/Kludex/uvicorn/pull/3001.
        if any(each.exitcode == STARTUP_FAILURE for each in supervisor.processes):
            sys.exit(STARTUP_FAILURE)
