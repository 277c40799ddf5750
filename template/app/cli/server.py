"""`serve`: the service in production."""

import os
import socket
from typing import Annotated

import typer

APP = "app.main:create_app"
GRACE_SECONDS = 20  # for requests in progress when the service is told to stop

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)]


def serve(host: Host = "0.0.0.0", port: Port = 8000) -> None:
    """Serve in production, with WORKERS processes. Run `db upgrade` first."""
    import uvicorn

    from app.cli.project import project

    with project() as settings:
        require_free(host, port)
        uvicorn.run(
            APP,
            factory=True,
            host=host,
            port=port,
            workers=settings.WORKERS,
            proxy_headers=bool(settings.FORWARDED_ALLOW_IPS),
            forwarded_allow_ips=list(settings.FORWARDED_ALLOW_IPS),
            timeout_graceful_shutdown=GRACE_SECONDS,
            server_header=False,
            access_log=False,
            log_config=None,
        )


def require_free(host: str, port: int) -> None:
    """Fails early: uvicorn would notice only after everything else has started."""
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
    """Without the address, which `create_server` repeats; a failed look-up has no errno."""
    code = error.errno if isinstance(error, OSError) else None
    return os.strerror(code) if code and code > 0 else "no such address"
