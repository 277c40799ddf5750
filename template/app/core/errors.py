"""Request errors: services raise them, and the API turns them into responses."""

from typing import ClassVar

DATABASE_UNAVAILABLE = "The database is not responding; try again shortly"


class AppError(Exception):
    """`detail` is one sentence for the client, without a final period or secrets."""

    status: ClassVar[int]

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidOneTimeToken(AppError):
    """An emailed token that is unknown, used, expired or void; the client cannot tell which."""

    status = 400

    def __init__(self) -> None:
        super().__init__("The token is invalid, expired or already used; request a new one")


class Unauthorized(AppError):
    status = 401


class InvalidToken(Unauthorized):
    """A token that is malformed, forged, expired or revoked (RFC 6750, section 3.1)."""

    def __init__(self) -> None:
        super().__init__("Could not validate credentials")


class Forbidden(AppError):
    status = 403

    def __init__(self, detail: str = "Insufficient permissions") -> None:
        super().__init__(detail)


class NotFound(AppError):
    """The resource does not exist, or the caller may not know that it does."""

    status = 404


class Conflict(AppError):
    status = 409


class Invalid(AppError):
    """Well-formed input that violates a business rule; `field` is its name in the body."""

    status = 422

    def __init__(self, detail: str, *, field: str) -> None:
        super().__init__(detail)
        self.field = field


class KeyReused(AppError):
    status = 422

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key belongs to another request; choose a new one")


class TooManyRequests(AppError):
    """The `quota` per `window` is used up; `window` and `retry_after` are in seconds."""

    status = 429

    def __init__(self, policy: str, *, quota: int, window: int, retry_after: int) -> None:
        super().__init__(f"Too many requests; try again in {retry_after} s")
        self.policy = policy
        self.quota = quota
        self.window = window
        self.retry_after = retry_after


class Unavailable(AppError):
    """A temporary failure of the service or a dependency; a retry may succeed."""

    status = 503
