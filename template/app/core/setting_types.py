"""The types of settings: how the text of a variable is parsed, and what is refused."""

import json
import re
from email.errors import MessageError
from email.headerregistry import Address
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationError
from pydantic_settings import NoDecode

MIN_KEY_BYTES = 32
MIN_KEY_CHARACTERS = 10
HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
HOST_PATTERN = re.compile(rf"\*|(\*\.)?{HOST.pattern}")
ORIGIN = re.compile(rf"https?://({HOST.pattern}|\[[0-9a-f:.]+\])(:[1-9][0-9]{{0,4}})?")
WEB_URL = re.compile(rf"{ORIGIN.pattern}(/[A-Za-z0-9._~-]+)*")
RATE_LIMIT = re.compile(r"[1-9][0-9]{0,6}/([1-9][0-9]{0,3} )?(second|minute|hour|day)s?")
PLACEHOLDERS = (
    "09d25e094faa6ca2",  # how the one in FastAPI's tutorial begins
    "change",
    "default",
    "example",
    "insecure",
    "password",
    "placeholder",
    "replace",
    "secret",
    "your-",
    "your_",
)
REPEATED = re.compile(r"(.+?)\1+.?")


def _split(value: object) -> object:
    """A JSON array, or items separated by commas."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [item.strip() for item in value.split(",") if item.strip()]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("Write a JSON array of strings, or separate the items by commas") from None


def _origin(value: str) -> str:
    if value == "*":
        raise ValueError("'*' is refused, because responses carry credentials: name each origin")
    if not ORIGIN.fullmatch(value):
        raise ValueError(
            "Write each origin as browsers do, scheme://host[:port]: "
            "in lower case, without a path or a final slash"
        )
    return value


def _host(value: str) -> str:
    if not HOST_PATTERN.fullmatch(value.lower()):
        raise ValueError("Write each host as api.example.com or *.example.com, without a port")
    return value.lower()


def _network(value: str) -> str:
    try:
        network = ip_network(value)
    except ValueError:
        raise ValueError("Write each trusted proxy as an IP address or a network (CIDR)") from None
    if network.prefixlen == 0:
        raise ValueError("Name the proxies: a trusted address may claim to be any client")
    return value


def _secret_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if not key:
        return value
    if len(key.encode()) < MIN_KEY_BYTES or len(set(key)) < MIN_KEY_CHARACTERS:
        raise ValueError(
            f"Use a random key of {MIN_KEY_BYTES} bytes or more: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    if REPEATED.fullmatch(key) or any(word in key.lower() for word in PLACEHOLDERS):
        raise ValueError("This can be guessed; use a random key of your own")
    return value


def _rate_limit(value: str) -> str:
    if not RATE_LIMIT.fullmatch(value):
        raise ValueError(
            "Write it as 10/minute or 10/15 minutes: a number, then second, minute, hour or day"
        )
    return value


def _mail_address(value: str) -> str:
    try:
        Address(addr_spec=value.encode("ascii").decode())
    except (ValueError, MessageError):
        raise ValueError("Write it as noreply@example.com") from None
    if "@" not in value:
        raise ValueError("Write it as noreply@example.com")
    return value


def _web_url(value: str) -> str:
    if value and not WEB_URL.fullmatch(value):
        raise ValueError("Write it as https://www.example.com, without a final slash")
    return value


MailAddress = Annotated[str, AfterValidator(_mail_address)]
RateLimit = Annotated[str, AfterValidator(_rate_limit)]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key)]
SecretKeys = Annotated[tuple[SecretKey, ...], NoDecode, BeforeValidator(_split)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split)
]
Hosts = Annotated[
    tuple[Annotated[str, AfterValidator(_host)], ...], NoDecode, BeforeValidator(_split)
]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, BeforeValidator(_split)
]
WebUrl = Annotated[str, AfterValidator(_web_url)]


def sentences(error: ValidationError) -> str:
    """One line for each wrong value: its name, and what is wrong, without the value."""
    return "\n".join(
        f"{problem['loc'][0]}: {problem['msg'].removeprefix('Value error, ').rstrip('.')}."
        for problem in error.errors()
    )
