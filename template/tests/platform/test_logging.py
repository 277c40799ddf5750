import json
import logging
import re

import pytest
import structlog

from app.core.config import Settings
from app.core.logging import setup_logging


def fail(password: str) -> None:
    raise RuntimeError(f"{len(password)} characters were too many")


def log_a_failure() -> None:
    try:
        fail("hunter2")
    except RuntimeError:
        structlog.stdlib.get_logger("app.test").exception("it_failed", user_id=7)


def test_deployed_service_logs_json(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(settings.model_copy(update={"ENVIRONMENT": "production"}))

    structlog.stdlib.get_logger("app.test").info("it_happened", user_id=7)
    logging.getLogger("a.library").warning("%s of %s", 1, 2)

    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert ours["event"] == "it_happened"
    assert ours["user_id"] == 7
    assert ours["level"] == "info"
    assert ours["logger"] == "app.test"
    assert ours["timestamp"].endswith("Z")
    assert theirs["event"] == "1 of 2"
    assert theirs["logger"] == "a.library"


@pytest.mark.parametrize("environment", ["development", "production"])
def test_traceback_has_no_argument_values(
    settings: Settings, capsys: pytest.CaptureFixture[str], environment: str
) -> None:
    setup_logging(settings.model_copy(update={"ENVIRONMENT": environment}))

    log_a_failure()

    logged = capsys.readouterr().err
    assert "it_failed" in logged
    assert "7 characters were too many" in logged
    assert "test_logging.py" in logged
    assert "hunter2" not in re.sub(r"fail\(.*?\)", "", logged)


def test_plain_log_without_terminal(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(settings)

    structlog.stdlib.get_logger("app.test").info("it_happened", user_id=7)

    logged = capsys.readouterr().err
    assert "it_happened" in logged
    assert "user_id=7" in logged
    assert "\x1b" not in logged


def test_log_level_hides_lower_ones(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(settings.model_copy(update={"LOG_LEVEL": "WARNING"}))

    structlog.stdlib.get_logger("app.test").info("whisper")
    logging.getLogger("a.library").info("whisper")
    logging.getLogger("a.library").warning("word")

    assert "whisper" not in (logged := capsys.readouterr().err)
    assert "word" in logged


def test_second_setup_logs_once(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging(settings)
    setup_logging(settings)

    logging.getLogger("uvicorn.error").warning("only once")

    assert capsys.readouterr().err.count("only once") == 1
