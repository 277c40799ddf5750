"""Credentials and tokens: the requests and responses of `/auth`."""

from typing import Annotated, Literal

from pydantic import Field

from app.schemas.common import Input, Schema
from app.schemas.strings import Email, Name, NewPassword, OneTimeToken, Password, Secret
from app.schemas.user import UserResponse

REFRESH_TOKEN_EXAMPLE = "the-refresh-token-of-the-last-response"


class RegisterRequest(Input):
    email: Email
    name: Name
    password: NewPassword


class LoginRequest(Input):
    email: Email
    password: Password


class RefreshRequest(Input):
    refresh_token: Annotated[
        Secret, Field(min_length=1, max_length=200, examples=[REFRESH_TOKEN_EXAMPLE])
    ]


class ForgotPassword(Input):
    email: Email


class PasswordReset(Input):
    token: OneTimeToken
    password: NewPassword


class EmailVerification(Input):
    token: OneTimeToken


class TokenResponse(Schema):
    access_token: str = Field(examples=["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"])
    refresh_token: str = Field(examples=[REFRESH_TOKEN_EXAMPLE])
    token_type: Literal["bearer"] = "bearer"
    user: UserResponse
