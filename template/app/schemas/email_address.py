from app.schemas.common import Input
from app.schemas.strings import Email, OneTimeToken, Password


class EmailVerification(Input):
    token: OneTimeToken


class EmailChange(Input):
    email: Email
    password: Password
