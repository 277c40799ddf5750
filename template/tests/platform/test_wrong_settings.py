from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.core.config import Settings, SettingsError, load_settings
from app.db.dialect import EXAMPLE_URL

KEY = "it-opens-nothing-but-these-tests-1"
DEPLOYED = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": KEY,
    "DATABASE_URL": EXAMPLE_URL,
    "ALLOWED_HOSTS": "api.example.com",
}


def load(**settings: str) -> None:
    usual = {"SECRET_KEY": KEY, "DATABASE_URL": EXAMPLE_URL, "PASSWORD_HASH_MEMORY_KIB": "64"}
    load_settings(_env_file=None, **usual | settings)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ENVIRONMENT", "prod", "Input should be 'development', 'staging' or 'production'"),
        ("WORKERS", "many", "Input should be a valid integer"),
        ("WORKERS", "0", "greater than or equal to 1"),
        ("DEBUG", "perhaps", "Input should be a valid boolean"),
        ("LOG_LEVEL", "LOUD", "Input should be 'DEBUG'"),
        ("PROJECT_NAME", "a\nb", "String should match pattern"),
        ("MAIL_FROM", "a..b@example.com", "Write it as noreply@example.com"),
        ("MAIL_FROM", "noreply", "Write it as noreply@example.com"),
        ("MAIL_FROM", "a@b.com, c@d.com", "Write it as noreply@example.com"),
        ("MAIL_FROM", "é@example.com", "Write it as noreply@example.com"),
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
def test_a_wrong_value_is_one_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(**{name: value})

    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"{name}: ")
    assert sentence in line
    assert line.endswith(".")


def test_each_wrong_value_is_told() -> None:
    with pytest.raises(SettingsError) as refusal:
        load(WORKERS="many", DEBUG="perhaps", CORS_ORIGINS="*")

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
        "replace-this-with-a-key-of-32-bytes-or-more",
        "your-256-bit-key-goes-here-abcdefgh",
        "0123456789abcdef" * 2,
        "-".join(["09d25e094faa6ca2", "556c818166b7a956", "3b93f7099f6f0f4c"]),
    ],
)
@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_a_weak_key_is_refused_and_not_told(name: str, key: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(**{name: key})

    assert str(refusal.value).startswith(f"{name}: ")
    assert key not in str(refusal.value)


def test_a_weak_key_is_not_told_by_the_class_itself() -> None:
    with pytest.raises(ValidationError) as refusal:
        Settings(_env_file=None, SECRET_KEY=SecretStr("sh0rt-but-Secr3t"), WORKERS=987654)

    assert "Secr3t" not in str(refusal.value)
    assert "987654" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "mysql://ada:hunter2@localhost/app",
        "://ada:hunter2@localhost/app",
        f"{EXAMPLE_URL.partition(':')[0]}://ada:x@localhost:hunter2/app",
        f"{EXAMPLE_URL.partition(':')[0]}://",
    ],
)
def test_a_wrong_database_url_is_answered_with_an_example(url: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(DATABASE_URL=url)

    (line,) = str(refusal.value).splitlines()
    assert line.startswith("DATABASE_URL: ")
    assert line.endswith(f"{EXAMPLE_URL}.")
    assert "hunter2" not in line


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS"])
def test_a_deployed_service_does_not_start_without(environment: str, name: str) -> None:
    settings: dict[str, Any] = DEPLOYED | {"ENVIRONMENT": environment}
    load_settings(_env_file=None, **settings)
    del settings[name]

    with pytest.raises(SettingsError, match=f"^{name}: Set it to"):
        load_settings(_env_file=None, **settings)
