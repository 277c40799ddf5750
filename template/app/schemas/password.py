from pydantic import model_validator

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

    @model_validator(mode="after")
    def _differ(self) -> "PasswordChange":
        if self.current_password == self.new_password:
            raise ValueError("The new password must differ from the current one")
        return self
