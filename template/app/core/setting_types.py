"""The types of single settings: how a variable's text is read, and what is refused."""

import json
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

MIN_KEY_BYTES = 32
MIN_KEY_CHARACTERS = 10
PLACEHOLDERS = ("change", "default", "example", "insecure", "password", "placeholder", "secret")


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
        raise ValueError("'*' is refused: answers carry credentials, so name each origin")
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or value != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError(
            "Write each origin as scheme://host[:port], without a path or a final slash"
        )
    return value


def _host(value: str) -> str:
    if any(mark in value for mark in "/:@ "):
        raise ValueError("Write each host as a bare name, without scheme, port or path")
    return value


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError("Write each trusted proxy as an IP address or a network (CIDR)") from None
    return value


def _secret_key(value: SecretStr) -> SecretStr:
    """RFC 7518, section 3.2: an HMAC key is at least as long as the hash, 32 bytes for HS256."""
    key = value.get_secret_value()
    if not key:
        return value
    if len(key.encode()) < MIN_KEY_BYTES or len(set(key)) < MIN_KEY_CHARACTERS:
        raise ValueError(
            f"Use a random key of {MIN_KEY_BYTES} bytes or more: "
            'python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    if any(word in key.lower() for word in PLACEHOLDERS):
        raise ValueError("This is a placeholder that others know; use a random key of your own")
    return value


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
