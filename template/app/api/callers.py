"""The caller of a route: its signature declares the least privilege that it requires."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.background import BackgroundTasks

from app.api.deps import DB, SAFE_METHODS
from app.api.rate_limit import Policy
from app.api.resources import AppResources, Resources
from app.core.errors import Forbidden, NotFound
from app.core.roles import MemberRole, Scope, UserRole
from app.core.tokens import AccessClaims, KeyClaims, read_bearer
from app.models import ApiKey, Membership, User
from app.services import api_keys, audit, auth, organizations

NEEDS_LOGIN = "API keys are not accepted here: log in"

bearer = HTTPBearer(
    description="Log in with `POST /auth/login`, then paste the `access_token` of the response; "
    "or paste an API key."
)


async def get_bearer_claims(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], resources: AppResources
) -> AccessClaims | KeyClaims:
    return read_bearer(resources.settings, credentials.credentials)


BearerClaims = Annotated[AccessClaims | KeyClaims, Depends(get_bearer_claims)]


async def get_access_claims(claims: BearerClaims) -> AccessClaims:
    if isinstance(claims, KeyClaims):
        raise Forbidden(NEEDS_LOGIN)
    return claims


Claims = Annotated[AccessClaims, Depends(get_access_claims)]
"""The claims of a valid token, whose session may have been revoked since."""


async def get_caller(
    request: Request,
    background: BackgroundTasks,
    db: DB,
    claims: BearerClaims,
    resources: AppResources,
) -> auth.Caller:
    """Raise InvalidToken if the session or key has ended, Forbidden beyond the key's scopes."""
    caller = await auth.get_caller(db, claims)
    audit.set_origin(db, actor_id=caller.user.id, api_key_id=caller.key and caller.key.id)
    if caller.key is not None:
        await _count_key(resources, caller.key)
        _record_use(resources, background, caller.key)
        _require_scope(request, caller)
    return caller


async def _count_key(resources: Resources, key: ApiKey) -> None:
    """Count the user: `limit_caller` counted only the address, not knowing whose key it is."""
    await resources.limiter.count(Policy.CALLER, str(key.user_id))


def _record_use(resources: Resources, background: BackgroundTasks, key: ApiKey) -> None:
    """Record the use after the response, which must not wait for it."""
    if not api_keys.is_use_recorded(key):
        background.add_task(resources.key_uses.record, key.id)


def _require_scope(request: Request, caller: auth.Caller) -> None:
    caller.require(Scope.READ if request.method in SAFE_METHODS else Scope.WRITE)


Caller = Annotated[auth.Caller, Depends(get_caller)]


async def get_current_user(caller: Caller) -> User:
    if caller.key is not None and caller.key.organization_id is not None:
        raise Forbidden("This API key is valid only for its organization")
    return caller.user


CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_session_user(caller: Caller) -> User:
    if caller.key is not None:
        raise Forbidden(NEEDS_LOGIN)
    return caller.user


SessionUser = Annotated[User, Depends(get_session_user)]
"""For changes to the account itself, which API keys must not make."""


async def get_admin(caller: Caller, user: CurrentUser) -> User:
    if user.role is not UserRole.ADMIN:
        raise Forbidden
    caller.require(Scope.ADMIN)
    return user


AdminUser = Annotated[User, Depends(get_admin)]

OrganizationSlug = Annotated[
    str, Path(max_length=100, description="The organization's slug", examples=["acme"])
]


async def get_membership(db: DB, caller: Caller, slug: OrganizationSlug) -> Membership:
    """Return the caller's membership, with its organization. Raise NotFound for non-members."""
    membership = await organizations.get_membership(db, slug, caller.user.id)
    if not caller.may_enter(membership.organization_id):
        raise NotFound("Organization not found")
    return membership


def require_member(least: MemberRole) -> Callable[[Membership], Awaitable[Membership]]:
    async def check(
        membership: Annotated[Membership, Depends(get_membership)],
    ) -> Membership:
        if membership.role.rank < least.rank:
            raise Forbidden
        return membership

    return check


ViewerAccess = Annotated[Membership, Depends(require_member(MemberRole.VIEWER))]
MemberAccess = Annotated[Membership, Depends(require_member(MemberRole.MEMBER))]
AdminAccess = Annotated[Membership, Depends(require_member(MemberRole.ADMIN))]
OwnerAccess = Annotated[Membership, Depends(require_member(MemberRole.OWNER))]

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
