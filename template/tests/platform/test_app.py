import json
import logging
import re
import tomllib

import pytest
import structlog
from sqlalchemy import text
from starlette.types import Message

from app import main
from app.core.config import Settings, load_settings
from app.core.logging import setup_logging
from app.core.paths import ROOT
from app.main import create_app
from tests.api.test_http import client_of_another
from tests.conftest import settings_for
from tests.support.service import Service, running


def test_app_is_created_on_first_use(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.DATABASE_URL)
    monkeypatch.setenv("SECRET_KEY", settings.SECRET_KEY.get_secret_value())

    found = main.app

    assert found.state.settings.DATABASE_URL == settings.DATABASE_URL
    assert main.app is found


def test_main_has_no_other_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'application'"):
        _ = main.application


def test_apps_have_separate_settings(shared_service: Service) -> None:
    one, settings = shared_service.app, shared_service.settings
    other = settings.model_copy(update={"PROJECT_NAME": "Another", "API_V1_PREFIX": "/v9"})

    two = create_app(other)

    assert one.title == settings.PROJECT_NAME
    assert two.title == "Another"
    assert "/v9/users/me" in two.openapi()["paths"]
    assert "/v9/users/me" not in one.openapi()["paths"]


async def test_missing_key_logs_a_warning(own_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(create_app(load_settings(_env_file=None, DATABASE_URL=own_url))):
        assert "SECRET_KEY is not set" in capsys.readouterr().err


async def test_lifespan_opens_and_closes_the_database(own_url: str) -> None:
    app = create_app(settings_for(own_url))
    commands = iter(["lifespan.startup", "lifespan.shutdown"])
    answers: list[str] = []

    async def receive() -> Message:
        if answers:
            async with Service(app).database.read() as session:
                assert await session.scalar(text("SELECT 1")) == 1
        return {"type": next(commands)}

    async def send(message: Message) -> None:
        answers.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert "Connections in pool: 0" in Service(app).database.engine.pool.status()


def test_document_has_the_project_metadata(shared_service: Service) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    info = shared_service.app.openapi()["info"]

    assert info["title"] == shared_service.settings.PROJECT_NAME
    assert info["version"] == project["version"]
    assert info["description"] == project["description"]


@pytest.mark.parametrize(
    ("environment", "docs_enabled", "status"),
    [
        ("development", None, 200),
        ("development", False, 404),
        ("production", None, 404),
        ("production", True, 200),
    ],
)
async def test_documentation_is_hidden_when_deployed(
    settings: Settings, environment: str, docs_enabled: bool | None, status: int
) -> None:
    changes = {"ENVIRONMENT": environment, "DOCS_ENABLED": docs_enabled}
    async with client_of_another(settings, **changes) as client:
        for path in ("openapi.json", "docs", "redoc"):
            assert (await client.get(f"/api/v1/{path}")).status_code == status


def test_documentation_explains_how_to_log_in(shared_service: Service) -> None:
    document = shared_service.app.openapi()

    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme["scheme"] == "bearer"
    assert "POST /auth/login" in scheme["description"]
    assert "access_token" in scheme["description"]


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
    assert "test_app.py" in logged
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
