import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.config import Settings, SettingsError, load_settings
from app.db.dialect import EXAMPLE_URL

KEY = "it-opens-nothing-but-these-tests-1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, so that no `.env` but a test's own is read."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    usual = {"SECRET_KEY": KEY, "DATABASE_URL": EXAMPLE_URL}
    for name, value in (usual | environment).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_the_defaults_are_the_documented_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)

    assert settings.API_V1_PREFIX == "/api/v1"
    assert settings.DEBUG is False
    assert settings.DATABASE_POOL_SIZE == 5
    assert settings.DATABASE_MAX_OVERFLOW == 10
    assert settings.ACCESS_TOKEN_EXPIRE_MINUTES == 30
    assert settings.REFRESH_TOKEN_EXPIRE_DAYS == 7
    assert settings.ALGORITHM == "HS256"
    assert settings.CORS_ORIGINS == ("http://localhost:3000",)


@pytest.mark.parametrize(
    "origins",
    [
        "http://a.example,https://b.example:8443",
        " http://a.example , https://b.example:8443 ,",
        '["http://a.example", "https://b.example:8443"]',
    ],
)
def test_a_list_is_written_with_commas_or_as_json(
    monkeypatch: pytest.MonkeyPatch, origins: str
) -> None:
    settings = load(monkeypatch, CORS_ORIGINS=origins)

    assert settings.CORS_ORIGINS == ("http://a.example", "https://b.example:8443")


def test_settings_come_from_a_file_that_may_hold_others_too(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    folder.joinpath(".env").write_text("SOMEBODY_ELSES=1\nWORKERS=7\nworkers_of_others=8\n")

    assert load(monkeypatch).WORKERS == 7


def test_a_variable_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    folder.joinpath(".env").write_text("WORKERS=7\n")

    assert load(monkeypatch, WORKERS="8").WORKERS == 8


def test_a_variable_may_be_written_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, workers="9").WORKERS == 9


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)
    name = "DEBUG"

    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, name, True)


def test_the_driver_is_added_to_the_database_url(monkeypatch: pytest.MonkeyPatch) -> None:
    scheme, separator, rest = EXAMPLE_URL.partition(":")

    url = load(monkeypatch, DATABASE_URL=EXAMPLE_URL).DATABASE_URL

    assert url.startswith(f"{scheme}+a")
    assert url.endswith(f"{separator}{rest}")
    assert url == load(monkeypatch, DATABASE_URL=url).DATABASE_URL


def test_a_file_in_another_encoding_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    folder.joinpath(".env").write_bytes(b"PROJECT_NAME=Caf\xe9\n")

    with pytest.raises(SettingsError, match="UTF-8"):
        load(monkeypatch)


def test_development_makes_a_key_for_the_day() -> None:
    keys = {load_settings(DATABASE_URL=EXAMPLE_URL).SECRET_KEY.get_secret_value() for _ in range(2)}

    assert len(keys) == 2


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, SECRET_KEY_FALLBACKS=KEY.swapcase(), SMTP_PASSWORD="hunter2")

    shown = f"{settings!r} {settings} {json.dumps(settings.model_dump(mode='json'))}"

    assert KEY not in shown
    assert KEY.swapcase() not in shown
    assert "hunter2" not in shown
