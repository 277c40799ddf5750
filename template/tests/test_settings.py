import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.core.config import DATABASE_EXAMPLE, Settings, SettingsError, load_settings

KEY = "pBx3mX0ZkVfYq7nJ2sR9tLw4uHc6dGe1"
DEPLOYED = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": KEY,
    "DATABASE_URL": DATABASE_EXAMPLE,
    "ALLOWED_HOSTS": "api.example.com",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, so that no `.env` but a test's own is read."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    usual = {"SECRET_KEY": KEY, "DATABASE_URL": DATABASE_EXAMPLE}
    for name, value in (usual | environment).items():
        monkeypatch.setenv(name, value)
    return load_settings()


def test_the_defaults_are_the_documented_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch)

    assert settings.API_V1_PREFIX == "/api/v1"
    assert settings.DEBUG is False
    assert settings.WORKERS == 4
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


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ENVIRONMENT", "prod", "Input should be 'development', 'staging' or 'production'"),
        ("WORKERS", "many", "Input should be a valid integer"),
        ("WORKERS", "0", "greater than or equal to 1"),
        ("DEBUG", "perhaps", "Input should be a valid boolean"),
        ("LOG_LEVEL", "LOUD", "Input should be 'DEBUG'"),
        ("API_V1_PREFIX", "api", "String should match pattern"),
        ("API_V1_PREFIX", "/api/", "String should match pattern"),
        ("ALGORITHM", "none", "Input should be 'HS256'"),
        ("ALGORITHM", "RS256", "Input should be 'HS256'"),
        ("ALGORITHM", "HS512", "HS512 needs a SECRET_KEY of 64 bytes or more"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0", "greater than or equal to 1"),
        ("PASSWORD_POLICY", "none", "Input should be 'composition' or 'length'"),
        ("PASSWORD_HASH_PARALLELISM", "16", "8 KiB of PASSWORD_HASH_MEMORY_KIB"),
        ("CORS_ORIGINS", "*", "'*' is refused"),
        ("CORS_ORIGINS", "https://a.example/", "Write each origin as browsers do"),
        ("CORS_ORIGINS", "https://A.example", "Write each origin as browsers do"),
        ("CORS_ORIGINS", "a.example", "Write each origin as browsers do"),
        ("CORS_ORIGINS", "https://a.example:port", "Write each origin as browsers do"),
        ("CORS_ORIGINS", "https://a@b.example", "Write each origin as browsers do"),
        ("CORS_ORIGINS", "null", "Write each origin as browsers do"),
        ("CORS_ORIGINS", '["https://a.example"', "Write a JSON array of strings"),
        ("CORS_ORIGINS", "[1]", "Input should be a valid string"),
        ("ALLOWED_HOSTS", "https://a.example", "Write each host as api.example.com"),
        ("ALLOWED_HOSTS", "a.example:8000", "Write each host as api.example.com"),
        ("ALLOWED_HOSTS", "a*.example", "Write each host as api.example.com"),
        ("ALLOWED_HOSTS", '[""]', "Write each host as api.example.com"),
        ("FORWARDED_ALLOW_IPS", "*", "Write each trusted proxy as an IP address"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.1/8", "Write each trusted proxy as an IP address"),
        ("FORWARDED_ALLOW_IPS", "0.0.0.0/0", "Name the proxies"),
        ("FORWARDED_ALLOW_IPS", "::/0", "Name the proxies"),
    ],
)
def test_a_wrong_value_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv("PASSWORD_HASH_MEMORY_KIB", "64")

    with pytest.raises(SettingsError) as refusal:
        load(monkeypatch, **{name: value})

    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"{name}: ")
    assert sentence in line
    assert line.endswith(".")


def test_each_wrong_value_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(monkeypatch, WORKERS="many", DEBUG="perhaps", CORS_ORIGINS="*")

    lines = str(refusal.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["DEBUG", "WORKERS", "CORS_ORIGINS"]


@pytest.mark.parametrize(
    "key",
    [
        "sh0rt-but-Secr3t",
        "31-bytes-are-one-fewer-than-32!",
        "abcabcabcabcabcabcabcabcabcabcabcabcabc",
        "changethis-changethis-0123456789-abcdef",
        "my-super-SECRET-key-0123456789-abcdefgh",
    ],
)
@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_a_weak_key_is_refused_and_not_told(
    monkeypatch: pytest.MonkeyPatch, name: str, key: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(monkeypatch, **{name: key})

    assert str(refusal.value).startswith(f"{name}: ")
    assert key not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "mysql://ada:hunter2@localhost/app",
        "://ada:hunter2@localhost/app",
        f"{DATABASE_EXAMPLE.partition(':')[0]}://ada:x@localhost:hunter2/app",
        f"{DATABASE_EXAMPLE.partition(':')[0]}://",
        f"{DATABASE_EXAMPLE.partition(':')[0]}:///:memory:",
    ],
)
def test_a_wrong_database_url_is_answered_with_an_example(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(monkeypatch, DATABASE_URL=url)

    (line,) = str(refusal.value).splitlines()
    assert line.startswith("DATABASE_URL: ")
    assert line.endswith(f"{DATABASE_EXAMPLE}.")
    assert "hunter2" not in line


def test_the_driver_is_added_to_the_database_url(monkeypatch: pytest.MonkeyPatch) -> None:
    scheme, separator, rest = DATABASE_EXAMPLE.partition(":")

    url = load(monkeypatch, DATABASE_URL=DATABASE_EXAMPLE).DATABASE_URL

    assert url.startswith(f"{scheme}+a")
    assert url.endswith(f"{separator}{rest}")
    assert url == load(monkeypatch, DATABASE_URL=url).DATABASE_URL


def test_a_file_in_another_encoding_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    folder.joinpath(".env").write_bytes(b"PROJECT_NAME=Caf\xe9\n")

    with pytest.raises(SettingsError, match="UTF-8"):
        load(monkeypatch)


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS"])
def test_a_deployed_service_does_not_start_without(environment: str, name: str) -> None:
    settings: dict[str, Any] = DEPLOYED | {"ENVIRONMENT": environment}
    load_settings(**settings)
    del settings[name]

    with pytest.raises(SettingsError, match=f"^{name}: Set it to"):
        load_settings(**settings)


def test_development_makes_a_key_for_the_day_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    keys = {
        load_settings(DATABASE_URL=DATABASE_EXAMPLE).SECRET_KEY.get_secret_value() for _ in range(2)
    }

    assert len(keys) == 2
    assert "SECRET_KEY is not set" in caplog.text
    assert not any(key in caplog.text for key in keys)


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, SECRET_KEY_FALLBACKS=KEY.swapcase(), SMTP_PASSWORD="hunter2")

    shown = f"{settings!r} {settings} {json.dumps(settings.model_dump(mode='json'))}"

    assert KEY not in shown
    assert KEY.swapcase() not in shown
    assert "hunter2" not in shown
