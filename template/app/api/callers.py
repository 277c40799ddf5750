"""The caller of a route: its signature declares the least privilege that it requires."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Path, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import SecretStr
from starlette.background import BackgroundTasks

from app.api.deps import DB, SAFE_METHODS
from app.api.rate_limit import Policy
from app.api.resources import AppResources, resources_of
from app.core.errors import AppError, Forbidden, NotFound
from app.core.roles import MemberRole, Scope, UserRole
from app.core.tokens import AccessClaims, KeyClaims
from app.models import ApiKey, Membership, User
from app.services import api_keys, audit, auth

NEEDS_LOGIN = "API keys are not accepted here: log in"
T = TypeVar("T")


class Bearer(SecurityBase):
    """The scheme of the OpenAPI document, with the dependencies that use it."""

    model = HTTPBearer(
        description="Log in with `POST /auth/login`, then paste the `access_token` of the "
        "response; or paste an API key."
    )
    scheme_name = "HTTPBearer"


class CallerAs(Bearer, Generic[T]):
    """Authenticate, and return what `accept` makes of the caller, or raise Forbidden."""

    def __init__(self, accept: Callable[[auth.Caller], T]) -> None:
        self.accept = accept

    async def __call__(self, request: Request, background: BackgroundTasks) -> T:
        return self.accept(await authenticate(request, background))


class MemberOf(Bearer):
    """Authenticate, and return the caller's membership, with its organization."""

    def __init__(self, least: MemberRole) -> None:
        self.least = least

    async def __call__(
        self, request: Request, background: BackgroundTasks, slug: "OrganizationSlug"
    ) -> Membership:
        """Raise NotFound for non-members, and Forbidden for a role that is too low."""
        caller = await authenticate(request, background)
        membership = caller.membership
        if membership is None or not caller.may_enter(membership.organization_id):
            raise NotFound("Organization not found")
        if membership.role.rank < self.least.rank:
            raise Forbidden
        return membership


async def authenticate(request: Request, background: BackgroundTasks) -> auth.Caller:
    """Raise InvalidToken if the session or key has ended, Forbidden beyond the key's scopes."""
    known: auth.Caller | None = request.state.caller
    if known is not None:
        return known
    session, slug = request.state.session, request.path_params.get("slug")
    caller = await auth.get_caller(session, read_claims(request), slug)
    key = caller.key
    audit.set_origin(session, actor_id=caller.user.id, api_key_id=key and key.id)
    if key is not None:
        await _use_key(request, background, key)
        caller.require(Scope.READ if request.method in SAFE_METHODS else Scope.WRITE)
    request.state.caller = caller
    return caller


async def _use_key(request: Request, background: BackgroundTasks, key: ApiKey) -> None:
    """Count the user, whom `limit_caller` did not know, and record the use after the response."""
    resources = resources_of(request)
    await resources.limiter.count(Policy.CALLER, str(key.user_id))
    if not api_keys.is_use_recorded(key):
        background.add_task(resources.key_uses.record, key.id)


def read_claims(request: Request) -> AccessClaims | KeyClaims:
    """Raise Unauthorized without a token, and InvalidToken for an invalid one."""
    claims: AccessClaims | KeyClaims | AppError = request.state.claims
    if isinstance(claims, AppError):
        raise claims
    return claims


def _user(caller: auth.Caller) -> User:
    if caller.key is not None and caller.key.organization_id is not None:
        raise Forbidden("This API key is valid only for its organization")
    return caller.user


def _session_user(caller: auth.Caller) -> User:
    if caller.key is not None:
        raise Forbidden(NEEDS_LOGIN)
    return caller.user


def _admin(caller: auth.Caller) -> User:
    user = _user(caller)
    if user.role is not UserRole.ADMIN:
        raise Forbidden
    caller.require(Scope.ADMIN)
    return user


class ClaimsOf(Bearer):
    async def __call__(self, request: Request) -> AccessClaims:
        claims = read_claims(request)
        if isinstance(claims, KeyClaims):
            raise Forbidden(NEEDS_LOGIN)
        return claims


Claims = Annotated[AccessClaims, Depends(ClaimsOf())]
"""The claims of a valid token, whose session may have been revoked since."""

Caller = Annotated[auth.Caller, Depends(CallerAs(lambda caller: caller))]
CurrentUser = Annotated[User, Depends(CallerAs(_user))]
session_user = CallerAs(_session_user)
SessionUser = Annotated[User, Depends(session_user)]
"""For changes to the account itself, which API keys must not make."""
AdminUser = Annotated[User, Depends(CallerAs(_admin))]

OrganizationSlug = Annotated[
    str, Path(max_length=100, description="The organization's slug", examples=["acme"])
]
ViewerAccess = Annotated[Membership, Depends(MemberOf(MemberRole.VIEWER))]
MemberAccess = Annotated[Membership, Depends(MemberOf(MemberRole.MEMBER))]
AdminAccess = Annotated[Membership, Depends(MemberOf(MemberRole.ADMIN))]
OwnerAccess = Annotated[Membership, Depends(MemberOf(MemberRole.OWNER))]

PasswordCheck = Callable[[SecretStr], Awaitable[User]]


async def get_password_check(
    db: DB, resources: AppResources, user: SessionUser, caller: Caller
) -> PasswordCheck:
    """Require the password again for operations that a stolen token must not allow."""
    limiter, passwords = resources.limiter, resources.passwords

    async def check(password: SecretStr) -> User:
        account = str(user.id)
        await limiter.count(Policy.PASSWORD, account)
        confirmed = await auth.confirm_password(db, passwords, caller, password.get_secret_value())
        await limiter.reset(Policy.PASSWORD, account)
        return confirmed

    return check


ConfirmPassword = Annotated[PasswordCheck, Depends(get_password_check)]
"""Return the user, or raise Forbidden; after too many attempts, raise TooManyRequests."""
