"""`serve`: the service in production."""

import os
import signal
import socket
import sys
from typing import Annotated

import typer

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)]


def serve(host: Host = "0.0.0.0", port: Port = 8000) -> None:
    """Serve in production, with WORKERS processes. Run `db upgrade` first."""
    from uvicorn import Config

    from app.cli.project import project
    from app.server.options import production_options
    from app.server.supervisor import run

    with project() as settings:
        config = Config(**production_options(settings, host, port))
        require_free(host, port)
        # After a graceful shutdown uvicorn raises the signal again, which would look like a crash:
        # https://github.com/Kludex/uvicorn/pull/1600.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        run(config)


def require_free(host: str, port: int) -> None:
    """Fail early: uvicorn would notice only after everything else has started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host, port, family)
        socket.create_server((host, port), family=family).close()
    except (OSError, UnicodeError) as error:
        reason = _reason(error)
        raise SystemExit(
            f"Cannot listen on {host}, port {port}: {reason}. Choose another with --port."
        ) from None


def _reason(error: OSError | UnicodeError) -> str:
    """Omit the address, which `create_server` repeats; a failed lookup has no errno."""
    code = error.errno if isinstance(error, OSError) else None
    return os.strerror(code) if code and code > 0 else "no such address"
