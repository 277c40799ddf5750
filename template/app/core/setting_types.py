"""Types of settings: how a variable is parsed, and which values are rejected."""

import json
import re
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from ipaddress import ip_network
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationError
from pydantic_settings import NoDecode

T = TypeVar("T")

MIN_KEY_BYTES = 32
MIN_KEY_CHARACTERS = 10
PLACEHOLDER = re.compile(
    "change|default|example|insecure|password|placeholder|replace|secret|your[-_]"
    "|09d25e094faa6ca2",  # the start of the key in FastAPI's tutorial
    re.IGNORECASE,
)
REPEATED = re.compile(r"(.+?)\1+.?")

HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
HOST_PATTERN = re.compile(rf"\*|(\*\.)?{HOST.pattern}")
ORIGIN = re.compile(rf"https?://({HOST.pattern}|\[[0-9a-f:.]+\])(:[1-9][0-9]{{0,4}})?")


def _split(value: object) -> object:
    """Parse a JSON array, or items separated by commas."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [item.strip() for item in value.split(",") if item.strip()]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("Separate the items with commas, or use a JSON array of strings") from None


def _matches(pattern: str, sentence: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(sentence)
        return value

    return AfterValidator(check)


def _origin(value: str) -> str:
    if value == "*":
        raise ValueError("'*' is not allowed, because requests carry credentials: list each origin")
    if not ORIGIN.fullmatch(value):
        raise ValueError(
            "Write each origin as scheme://host or scheme://host:port, "
            "in lowercase and without a trailing slash"
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
        raise ValueError("Write each proxy as an IP address or network: 10.0.0.0/8") from None
    if network.prefixlen == 0:
        raise ValueError("List each proxy: a trusted address can claim to be any client")
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
    if REPEATED.fullmatch(key) or PLACEHOLDER.search(key):
        raise ValueError("This key is easy to guess: use a random one")
    return value


def _mail_address(value: str) -> str:
    with suppress(ValueError, MessageError):
        if Address(addr_spec=value.encode("ascii").decode()).domain:
            return value
    raise ValueError("Use the format noreply@example.com")


ListOf = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_split)]
Hosts = ListOf[Annotated[str, AfterValidator(_host)]]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
Networks = ListOf[Annotated[str, AfterValidator(_network)]]
Origins = ListOf[Annotated[str, AfterValidator(_origin)]]
PathPrefix = Annotated[
    str, _matches(r"(/[a-z0-9_-]+)+", "Use the format /api/v1, without a trailing slash")
]
RateLimit = Annotated[
    str,
    _matches(
        r"[1-9][0-9]{0,6}/([1-9][0-9]{0,3} )?(second|minute|hour|day)s?",
        "Use the format 10/minute or 10/15 minutes; units are second, minute, hour and day",
    ),
]
SecretKey = Annotated[SecretStr, AfterValidator(_secret_key)]
SecretKeys = ListOf[SecretKey]
Title = Annotated[str, _matches(r"[^\x00-\x1f\x7f]{1,100}", "Use one line of 1 to 100 characters")]
WebUrl = Annotated[
    str,
    _matches(
        rf"({ORIGIN.pattern}(/[A-Za-z0-9._~-]+)*)?",
        "Use the format https://www.example.com, without a trailing slash",
    ),
]


def sentences(error: ValidationError) -> str:
    """Return one line per invalid setting: its name and the problem, without the value."""
    return "\n".join(
        f"{problem['loc'][0]}: {problem['msg'].removeprefix('Value error, ').rstrip('.')}."
        for problem in error.errors()
    )
