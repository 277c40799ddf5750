"""A service whose rooms exist in the memory of one process runs as one process."""

import socket

from app.core.config import Settings
from tests.support.processes import run_on
from tests.support.service import Service


async def test_serve_refuses_several_processes(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:  # it would end in any case
        port = str(taken.getsockname()[1])
        options = ("--host", "127.0.0.1", "--port", port)
        refused = await run_on(service, "serve", *options, WORKERS="2")

    assert refused.exit_code == 1
    (sentence,) = refused.output.strip().splitlines()
    assert "WORKERS" in sentence
    assert sentence.endswith(".")


def test_one_process_is_the_default() -> None:
    assert Settings.model_fields["WORKERS"].default == 1
