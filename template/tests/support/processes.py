"""The service's commands in separate processes.

`running` starts a new Python, as a user does. On Linux, `serving` and `Forked` fork a process that
has already imported the application, because the import takes most of a start.
"""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from httpx import AsyncClient, TransportError
from typer.testing import CliRunner, Result

from app.cli import main
from app.core.config import Settings
from app.core.paths import ROOT
from tests.support.ports import reserved_port
from tests.support.service import Service
from tests.support.waiting import PATIENCE, eventually, patience

CONTEXT = get_context("forkserver") if sys.platform == "linux" else get_context("spawn")
CONTEXT.set_forkserver_preload(
    ["app.main", "app.cli.database", "app.cli.project", "tests.conftest", "uvicorn"]
)
KEY = "only-the-tests-use-this-key-0123456789"


class Forked:
    """A process that leads its own group and appends what it prints to `log`."""

    def __init__(
        self, log: Path, function: Callable[..., None], *arguments: str, **environment: str
    ) -> None:
        """Run the function with the arguments; `environment` adds to that of the tests."""
        self.log = log
        log.touch()
        # A daemon: an aborted run does not wait for it.
        self._process = CONTEXT.Process(
            target=_run, args=(log, os.environ | environment, function, arguments), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, sent: signal.Signals) -> None:
        os.kill(self.pid, sent)

    async def wait(self) -> int:
        await eventually(lambda: self.returncode is not None)
        return self.returncode or 0

    async def communicate(self) -> tuple[bytes, object]:
        await self.wait()
        return self.log.read_bytes(), None

    async def printed(self, *texts: str) -> str:
        """Return everything printed so far, as soon as the texts are among it."""

        def found() -> str:
            printed = self.log.read_text()
            if all(text in printed for text in texts):
                return printed
            assert self.returncode is None, printed
            return ""

        return await eventually(found)


Process = Forked | asyncio.subprocess.Process


def _run(
    log: Path,
    environment: dict[str, str],
    function: Callable[..., None],
    arguments: tuple[str, ...],
) -> None:
    import_module("tests.conftest")  # what it changes for all tests holds here too
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environment)
    with log.open("ab") as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
    Settings.model_config["env_file"] = None  # `.env` belongs to the developer
    function(*arguments)


def run_command(*arguments: str) -> None:
    main(arguments)


@pytest.fixture
def project() -> Iterator[Path]:
    """A copy of the project, for a command that writes into its folder."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # a server may run as another account
        for name in ("app", "development", "migrations"):
            if (ROOT / name).exists():
                shutil.copytree(ROOT / name, Path(folder) / name)
        shutil.copy(ROOT / "pyproject.toml", folder)
        yield Path(folder)


@asynccontextmanager
async def running(
    project: Path, command: str, program: tuple[str, str] = ("-m", "app"), /, **environment: str
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, AsyncClient]]:
    """Run a command in a new Python; yield it and a client once it answers."""
    with reserved_port() as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *program,
            command,
            f"--port={port}",
            "--host=127.0.0.1",
            cwd=project,
            env=os.environ | environment,
            stdout=PIPE,
            stderr=STDOUT,
            process_group=0,
        )
        async with _answering(process, port) as client:
            yield process, client


@asynccontextmanager
async def serving(
    run: Callable[..., None] = run_command, /, **environment: str
) -> AsyncGenerator[tuple[Forked, AsyncClient]]:
    """Run `serve` in one forked process; yield it and a client once it answers."""
    with TemporaryDirectory() as folder, reserved_port() as port:
        options = ("--host=127.0.0.1", f"--port={port}")
        process = Forked(Path(folder, "log"), run, "serve", *options, WORKERS="1", **environment)
        async with _answering(process, port) as client:
            yield process, client


@asynccontextmanager
async def _answering(process: Process, port: int) -> AsyncGenerator[AsyncClient]:
    url = f"http://127.0.0.1:{port}"
    try:
        async with AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as client:
            await answering(process, client)
            yield client
    finally:
        await kill(process)


async def kill(process: Process) -> None:
    """End the process and its group; nothing happens if it has ended."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def answering(process: Process, client: AsyncClient, status: str = "") -> None:
    """Return once `/health` answers with the status, whether during a start or a reload."""

    async def answered() -> bool:
        if process.returncode is not None:
            pytest.fail((await process.communicate())[0].decode())
        with suppress(TransportError):
            return status in (await client.get("/health")).text
        return False

    await eventually(answered)


async def output_after(process: Process, sent: signal.Signals) -> str:
    """Send a signal to the group, as a terminal does, and return what was printed until the end."""
    os.killpg(process.pid, sent)
    async with patience():
        output, _ = await process.communicate()
    return output.decode()


async def run(*arguments: str, typed: str = "", **environment: str) -> Result:
    environment = {"ENVIRONMENT": "development", "SECRET_KEY": KEY} | environment
    return await asyncio.to_thread(
        CliRunner().invoke, main, arguments, input=typed, env=environment
    )


async def run_on(service: Service, *arguments: str, typed: str = "", **environment: str) -> Result:
    """Run a command on the database of the service."""
    url = service.settings.DATABASE_URL
    return await run(*arguments, typed=typed, **{"DATABASE_URL": url} | environment)


async def modules_after(code: str) -> set[str]:
    """Run the code in a new Python, and return the names of the modules in memory."""
    report = f"{code}; import sys; print(); print(*sys.modules)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", report, cwd=ROOT, stdout=PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return set(output.decode().splitlines()[-1].split())
