"""The ways in which a request can fail, said without HTTP: services raise these, the API answers."""

from typing import ClassVar


class AppError(Exception):
    """`detail` is shown to the client: one sentence, no secrets."""

    status: ClassVar[int]

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Unauthorized(AppError):
    status = 401


class InvalidToken(Unauthorized):
    """A token was shown and is worth nothing, or nothing any more (RFC 6750, section 3.1)."""

    def __init__(self) -> None:
        super().__init__("Could not validate credentials")


class Forbidden(AppError):
    status = 403


class NotFound(AppError):
    """Also for what the caller may not know to exist."""

    status = 404


class Conflict(AppError):
    status = 409


class Invalid(AppError):
    """Well-formed input that breaks a rule only the service can check; `field` is its name in the body."""

    status = 422

    def __init__(self, detail: str, *, field: str) -> None:
        super().__init__(detail)
        self.field = field


class Unavailable(AppError):
    """The service cannot do this now, and it is not the client's fault; he may try again shortly."""

    status = 503
