"""`dev`: everything that a developer needs, started by one command and stopped by Ctrl-C."""

import os
import secrets
from contextlib import ExitStack, suppress
from pathlib import Path

import typer

from app.cli.server import APP, Host, Port, require_free

ENV_FILE = """\
# The settings of this machine, ignored by git. Every setting is listed in .env.example.
SECRET_KEY={key}
"""


def dev(context: typer.Context, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Develop: prepare settings and database, then serve, with a reload after each change."""
    # Ctrl-C during the start stops what is already running, too.
    with suppress(KeyboardInterrupt), ExitStack() as running:
        from app.cli.database import migrate
        from app.cli.declared import ROOT
        from app.cli.project import project

        require_development()
        require_free(host, port)
        write_env_file(ROOT / ".env")
        settings = running.enter_context(project())
        migrate(settings)
        welcome(f"http://{host}:{port}{settings.API_V1_PREFIX}", context.find_root().info_name)
        serve_with_reload(ROOT, host, port)


def require_development() -> None:
    from app.cli.declared import Declared

    declared = Declared()
    if not declared.development:
        raise SystemExit(
            f"ENVIRONMENT is {declared.ENVIRONMENT}: use `serve`, or unset it to use `dev`."
        )


def write_env_file(path: Path) -> None:
    """Never overwrites a file that exists."""
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode=0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise SystemExit(f"Cannot write {path}: {error.strerror}.") from None
    with open(file, "w", encoding="utf-8") as env:
        env.write(ENV_FILE.format(key=secrets.token_urlsafe(48)))
    typer.echo(f"Wrote {path} with a new SECRET_KEY.")


def welcome(api: str, command: str | None) -> None:
    typer.echo(f"API docs:      {api}/docs")
    typer.echo(f"Make an admin: uv run {command} create-admin you@example.com")
    typer.echo("Stop:          Ctrl-C")


def serve_with_reload(root: Path, host: str, port: int) -> None:
    import uvicorn

    uvicorn.run(
        APP,
        factory=True,
        host=host,
        port=port,
        reload=True,
        reload_dirs=[str(root / "app"), str(root / "migrations")],
        timeout_graceful_shutdown=1,
        access_log=False,
        log_config=None,
    )
