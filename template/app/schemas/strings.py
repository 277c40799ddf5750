"""String types of requests, which validate and normalize."""

import unicodedata
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    EmailStr,
    Field,
    SecretStr,
    StringConstraints,
)

MAX_EMAIL = 255
MIN_PASSWORD = 8
MAX_PASSWORD = 128
SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def _composed(value: object) -> object:
    """Normalize to NFC, before the length is checked: it can change."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _printable(value: str) -> str:
    """Reject NUL, which databases cannot store, and characters that would garble a terminal."""
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in value):
        raise ValueError("Control characters are not allowed")
    return value


def _one_line(value: str) -> str:
    if "\t" in value or (value and value.splitlines() != [value]):
        raise ValueError("Line breaks and tabs are not allowed")
    return _printable(value)


Composed = BeforeValidator(_composed)
Printable = AfterValidator(_printable)
OneLine = AfterValidator(_one_line)

SafeStr = Annotated[str, Composed, Printable]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=100),
    Composed,
    OneLine,
    Field(examples=["Ada Lovelace"]),
]
LongName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=255),
    Composed,
    OneLine,
    Field(examples=["Acme Corporation"]),
]
Slug = Annotated[
    str,
    StringConstraints(min_length=2, max_length=100, pattern=SLUG_PATTERN),
    Field(examples=["acme"]),
]


def normalize_email(email: str) -> str:
    """Return the form that all spellings of an address have in common."""
    return unicodedata.normalize("NFKC", email).strip().lower()


def _bare(email: object) -> object:
    if isinstance(email, str) and "<" in email:
        raise ValueError("Enter only the address, without a name")
    if isinstance(email, str) and "=?" in email:  # mail clients decode it to another address
        raise ValueError("The address must not contain =?")
    return email


def _storable(email: str) -> str:
    if len(normalize_email(email)) > MAX_EMAIL:
        raise ValueError(f"The address must have at most {MAX_EMAIL} characters")
    return email


Email = Annotated[
    EmailStr,
    BeforeValidator(_bare),
    AfterValidator(_storable),
    Field(examples=["ada@example.com"]),
]


def _encodable(secret: SecretStr) -> SecretStr:
    """Reject lone surrogates, which Pydantic does in all other strings. Normalize to NFC, because
    systems encode the same letter differently (NIST SP 800-63B-4, section 3.1.1.2)."""
    text = unicodedata.normalize("NFC", secret.get_secret_value())
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("Lone surrogates are not allowed") from None
    return SecretStr(text)


Secret = Annotated[SecretStr, AfterValidator(_encodable)]


OneTimeToken = Annotated[
    Secret, Field(min_length=1, max_length=200, examples=["the-token-in-the-email"])
]


def _long_enough(password: SecretStr) -> SecretStr:
    if not MIN_PASSWORD <= len(password.get_secret_value()) <= MAX_PASSWORD:
        raise ValueError(f"Password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    return password


NewPassword = Annotated[
    Secret,
    AfterValidator(_long_enough),
    Field(
        examples=["Correct-Horse-7!"],
        json_schema_extra={"minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD},
    ),
]
"""Only the length is checked here; `PASSWORD_POLICY` adds further rules."""

Password = Annotated[
    Secret, Field(min_length=1, max_length=MAX_PASSWORD, examples=["Correct-Horse-7!"])
]
"""A password to compare with a stored hash."""
