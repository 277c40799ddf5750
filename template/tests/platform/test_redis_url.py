import pytest

from app.core.config import Settings, SettingsError, load_settings
from app.db.dialect import EXAMPLE_URL

KEY = "it-opens-nothing-but-these-tests-1"


def load(**settings: str) -> Settings:
    usual = {"DATABASE_URL": EXAMPLE_URL, "SECRET_KEY": KEY, "ALLOWED_HOSTS": "api.example.com"}
    return load_settings(_env_file=None, **usual | settings)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost:6379/0",
        "redis://:hunter2@10.0.0.7:6379/3",
        "redis://ada:p%40ss%2Fword@cache.example.com/15",
        "redis://[::1]:6379",
        "rediss://default:hunter2@cache.example.com:6380",
        "rediss://cache.example.com/0?ssl_cert_reqs=required&ssl_ca_certs=/etc/ssl/ca.pem",
        "unix:///run/redis/redis.sock?db=1",
    ],
)
def test_url_is_accepted(url: str) -> None:
    assert url == load(REDIS_URL=url).REDIS_URL


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "localhost:6379",
        "http://:hunter2@localhost:6379",
        "valkey://:hunter2@localhost:6379",
        "redis://",
        "redis://:hunter2@/0",
        "redis://:hunter2@host name:6379/0",
        "redis://:x@localhost:hunter2/0",
        "redis://localhost:0/0",
        "redis://localhost:65536/0",
        "redis://localhost:6379/hunter2",
        "redis://localhost:6379/0/1",
        "redis://ada:hunter2/2@localhost:6379/0",
        "redis://ada:6379/0#hunter2@localhost:6379/0",
        "redis://ada:hunter2@@localhost:6379/0",
        "redis://[hunter2]:6379/0",
        "redis://[::1",
        "unix://",
        "unix://run/redis.sock",
        "unix:///run/redis.sock?db=hunter2",
    ],
)
def test_wrong_url_gets_an_example(url: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(REDIS_URL=url)

    assert str(error.value) == (
        "REDIS_URL: Use the format redis://:password@host:6379/0, or rediss:// for TLS."
    )


@pytest.mark.parametrize(
    ("url", "option"),
    [
        ("redis://localhost/0?passwrod=hunter2", "passwrod"),
        ("redis://localhost/0?ssl_cert_reqs=none", "ssl_cert_reqs"),
        ("redis://localhost/0?db=", "db"),
        ("rediss://localhost/0?decode_responses=hunter2", "decode_responses"),
    ],
)
def test_unknown_option_is_named(url: str, option: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(REDIS_URL=url)

    scheme = url.partition(":")[0]
    assert str(error.value) == f"REDIS_URL: A {scheme}:// URL has no option {option}: remove it."


@pytest.mark.parametrize("given", [{}, {"REDIS_URL": ""}])
def test_development_uses_localhost(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")

    assert load(**given).REDIS_URL == "redis://localhost:6379/0"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_url_is_required_when_deployed(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")

    with pytest.raises(SettingsError, match="Set it to the URL") as error:
        load(ENVIRONMENT=environment)

    assert str(error.value) == (
        "REDIS_URL: Set it to the URL of your Redis: redis://:password@host:6379/0."
    )
