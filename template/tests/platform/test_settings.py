import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.config import Settings, SettingsError, load_settings
from app.core.paths import ROOT
from app.db.dialect import EXAMPLE_URL

KEY = "it-opens-nothing-but-these-tests-1"


@pytest.fixture(autouse=True)
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only `.env` that the test reads."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".env"


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    usual = {"SECRET_KEY": KEY, "DATABASE_URL": EXAMPLE_URL}
    for name, value in (usual | environment).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)

    assert settings.API_V1_PREFIX == "/api/v1"
    assert settings.DEBUG is False
    assert settings.DATABASE_POOL_SIZE == 15
    assert settings.ACCESS_TOKEN_EXPIRE_MINUTES == 30
    assert settings.REFRESH_TOKEN_EXPIRE_DAYS == 7
    assert settings.ALGORITHM == "HS256"
    assert settings.CORS_ORIGINS == ("http://localhost:3000",)


def test_env_example_lists_every_default(monkeypatch: pytest.MonkeyPatch, env_file: Path) -> None:
    usual = load(monkeypatch)
    example = re.sub(r"^# (?=\w+=)", "", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    env_file.write_text(example)

    assert load(monkeypatch) == usual
    assert set(re.findall(r"^(\w+)=", example, re.MULTILINE)) == Settings.model_fields.keys()


@pytest.mark.parametrize(
    "origins",
    [
        "http://a.example,https://b.example:8443",
        " http://a.example , https://b.example:8443 ,",
        '["http://a.example", "https://b.example:8443"]',
    ],
)
def test_list_is_comma_separated_or_json(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    settings = load(monkeypatch, CORS_ORIGINS=origins)

    assert settings.CORS_ORIGINS == ("http://a.example", "https://b.example:8443")


def test_env_file_may_have_unknown_names(monkeypatch: pytest.MonkeyPatch, env_file: Path) -> None:
    env_file.write_text("SOMEBODY_ELSES=1\nWORKERS=7\nworkers_of_others=8\n")

    assert load(monkeypatch).WORKERS == 7


def test_variable_wins_over_env_file(monkeypatch: pytest.MonkeyPatch, env_file: Path) -> None:
    env_file.write_text("WORKERS=7\n")

    assert load(monkeypatch, WORKERS="8").WORKERS == 8


def test_names_ignore_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, workers="9").WORKERS == 9


def test_settings_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    name = "DEBUG"

    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, name, True)


def test_database_url_gets_the_asyncio_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    scheme, separator, rest = EXAMPLE_URL.partition(":")

    url = load(monkeypatch, DATABASE_URL=EXAMPLE_URL).DATABASE_URL

    assert url.startswith(f"{scheme}+a")
    assert url.endswith(f"{separator}{rest}")
    assert url == load(monkeypatch, DATABASE_URL=url).DATABASE_URL


def test_env_file_must_be_utf_8(monkeypatch: pytest.MonkeyPatch, env_file: Path) -> None:
    env_file.write_bytes(b"PROJECT_NAME=Caf\xe9\n")

    with pytest.raises(SettingsError, match="UTF-8"):
        load(monkeypatch)


def test_development_generates_a_key_at_each_start() -> None:
    keys = {load_settings(DATABASE_URL=EXAMPLE_URL).SECRET_KEY.get_secret_value() for _ in range(2)}

    assert len(keys) == 2


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, SECRET_KEY_FALLBACKS=KEY.swapcase(), SMTP_PASSWORD="hunter2")

    shown = f"{settings!r} {settings} {json.dumps(settings.model_dump(mode='json'))}"

    assert KEY not in shown
    assert KEY.swapcase() not in shown
    assert "hunter2" not in shown
