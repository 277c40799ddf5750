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
    usual = {"SECRET_KEY": KEY, "DATABASE_URL": EXAMPLE_URL}
    load_settings(_env_file=None, **usual | settings)


WRONG = {
    "ENVIRONMENT: Input should be 'development', 'staging' or 'production'": ["prod"],
    "WORKERS: Input should be a valid integer": ["many"],
    "WORKERS: Input should be greater than or equal to 1": ["0"],
    "DEBUG: Input should be a valid boolean": ["perhaps"],
    "LOG_LEVEL: Input should be 'DEBUG'": ["LOUD"],
    "PROJECT_NAME: Use one line": ["a\nb", "a\n", "", "x" * 101],
    "MAIL_FROM: Use the format noreply@example.com": [
        "a..b@c.de",
        "a",
        "a@b.cd, c@d.ef",
        "é@a.example",
    ],
    "FRONTEND_URL: Use the format https://www.example.com": ["a.example", "https://a.example/"],
    "API_V1_PREFIX: Use the format /api/v1": ["api", "/api/", "/"],
    "ALGORITHM: Input should be 'HS256'": ["none", "RS256"],
    "ALGORITHM: HS512 requires a SECRET_KEY of 64 bytes or more": ["HS512"],
    "ACCESS_TOKEN_EXPIRE_MINUTES: Input should be greater than or equal to 1": ["0"],
    "PASSWORD_POLICY: Input should be 'composition' or 'length'": ["none"],
    "RATE_LIMIT_LOGIN: Use the format 10/minute or 10/15 minutes; units are second, minute": [
        "",
        "10",
        "0/minute",
        "10/0 minutes",
        "10/week",
        "-1/hour",
        "10/minute;99/hour",
        "x",
    ],
    "CORS_ORIGINS: '*' is not allowed": ["*"],
    "CORS_ORIGINS: Write each origin as scheme://host": [
        "https://a.example/",
        "https://A.example",
        "a.example",
        "https://a.example:port",
        "https://a@b.example",
        "null",
    ],
    "CORS_ORIGINS: Separate the items with commas": ['["https://a.example"'],
    "CORS_ORIGINS: Input should be a valid string": ["[1]"],
    "ALLOWED_HOSTS: Write each host as api.example.com": [
        "https://a.example",
        "a.example:8000",
        "a*.example",
        '[""]',
    ],
    "FORWARDED_ALLOW_IPS: Write each proxy as an IP address": ["*", "10.0.0.1/8"],
    "FORWARDED_ALLOW_IPS: List each proxy": ["0.0.0.0/0", "::/0"],
}


@pytest.mark.parametrize(
    ("sentence", "value"), [(sentence, each) for sentence in WRONG for each in WRONG[sentence]]
)
def test_wrong_value_gets_one_sentence(sentence: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(**{sentence.partition(":")[0]: value})

    (line,) = str(error.value).splitlines()
    assert line.startswith(sentence)
    assert line.endswith(".")


def test_all_wrong_values_are_reported_together() -> None:
    with pytest.raises(SettingsError) as error:
        load(WORKERS="many", DEBUG="perhaps", CORS_ORIGINS="*")

    lines = str(error.value).splitlines()
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
def test_weak_key_is_rejected_without_quoting_it(name: str, key: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(**{name: key})

    assert str(error.value).startswith(f"{name}: ")
    assert key not in str(error.value)


def test_validation_error_does_not_quote_the_input() -> None:
    with pytest.raises(ValidationError) as error:
        Settings(_env_file=None, SECRET_KEY=SecretStr("sh0rt-but-Secr3t"), WORKERS=987654)

    assert "Secr3t" not in str(error.value)
    assert "987654" not in str(error.value)


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
def test_wrong_database_url_gets_an_example(url: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(DATABASE_URL=url)

    (line,) = str(error.value).splitlines()
    assert line.startswith("DATABASE_URL: ")
    assert line.endswith(f"{EXAMPLE_URL}.")
    assert "hunter2" not in line


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "ALLOWED_HOSTS"])
def test_essential_settings_are_required_when_deployed(environment: str, name: str) -> None:
    settings: dict[str, Any] = DEPLOYED | {"ENVIRONMENT": environment}
    load_settings(_env_file=None, **settings)
    del settings[name]

    with pytest.raises(SettingsError, match=f"^{name}: Set it to"):
        load_settings(_env_file=None, **settings)
