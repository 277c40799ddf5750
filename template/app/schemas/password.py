from pydantic import SecretStr, ValidationInfo, field_validator

from app.schemas.common import Input
from app.schemas.strings import Email, NewPassword, OneTimeToken, Password


class ForgotPassword(Input):
    email: Email


class PasswordReset(Input):
    token: OneTimeToken
    password: NewPassword


class PasswordChange(Input):
    current_password: Password
    new_password: NewPassword

    @field_validator("new_password")
    @classmethod
    def _differ(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if value == info.data.get("current_password"):
            raise ValueError("The new password must differ from the current one")
        return value
