"""API keys: each is shown once, and only its hash is stored."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.roles import Scope, UserRole
from app.core.tokens import hash_token, new_api_key
from app.models import ApiKey, Membership, User
from app.schemas.api_key import ApiKeyCreate, ApiKeyCreated, ApiKeyResponse
from app.schemas.paging import PaginatedResponse, PaginationParams
from app.services import audit
from app.services.audit import Action
from app.services.locking import lock_organization, lock_user
from app.services.paging import Listing, Order

KEYS = Listing(
    select(ApiKey).where(ApiKey.revoked_at.is_(None)),
    ApiKeyResponse,
    Order(ApiKey.created_at, ApiKey.id),
)
MAX_LIVE = 50
PREFIX_LENGTH = 11
USE_RECORDED_EVERY = timedelta(minutes=1)


async def create(session: AsyncSession, user: User, body: ApiKeyCreate) -> ApiKeyCreated:
    if Scope.ADMIN in body.scopes and user.role is not UserRole.ADMIN:
        raise Forbidden("Only administrators can create a key with the admin scope")
    await lock_user(session, user.id)
    await _keep_few(session, ApiKey.user_id == user.id, ApiKey.organization_id.is_(None))
    return await _create(session, user.id, body)


async def create_for_organization(
    session: AsyncSession, actor: Membership, body: ApiKeyCreate
) -> ApiKeyCreated:
    """Create a key that acts as the actor, always with the actor's current rights."""
    if Scope.ADMIN in body.scopes:
        raise Invalid("An organization's key cannot have the admin scope", field="scopes")
    await lock_user(session, actor.user_id)
    await lock_organization(session, actor.organization_id)
    await _keep_few(session, ApiKey.organization_id == actor.organization_id)
    return await _create(session, actor.user_id, body, organization_id=actor.organization_id)


def of_user(user_id: UUID) -> ColumnElement[bool]:
    """All keys that act for the user, including those of organizations."""
    return ApiKey.user_id == user_id


def of_organization(organization_id: UUID) -> ColumnElement[bool]:
    return ApiKey.organization_id == organization_id


async def list_keys(
    session: AsyncSession, whose: ColumnElement[bool], pagination: PaginationParams
) -> PaginatedResponse[ApiKeyResponse]:
    """Newest first, including expired keys, so that owners see why a key no longer works."""
    return await KEYS.page(session, pagination, whose)


async def revoke(session: AsyncSession, whose: ColumnElement[bool], key_id: UUID) -> None:
    if not await _revoke(session, whose, ApiKey.id == key_id):
        raise NotFound("API key not found")


async def revoke_all(
    session: AsyncSession, user_id: UUID, *, organization_id: UUID | None = None
) -> None:
    """Revoke every key that acts for the user, or only those of one organization."""
    mine = of_user(user_id)
    if organization_id is not None:
        mine &= of_organization(organization_id)
    await _revoke(session, mine)


def is_use_recorded(key: ApiKey) -> bool:
    return key.last_used_at is not None and key.last_used_at > utc_now() - USE_RECORDED_EVERY


async def record_use(session: AsyncSession, key_id: UUID) -> None:
    """Set `last_used_at`, unless another request has just done so."""
    key = await session.get(ApiKey, key_id)
    if key is not None and not is_use_recorded(key):
        key.last_used_at = utc_now()
        await session.flush()


async def _create(
    session: AsyncSession, user_id: UUID, body: ApiKeyCreate, organization_id: UUID | None = None
) -> ApiKeyCreated:
    secret = new_api_key()
    key = ApiKey(
        user_id=user_id,
        organization_id=organization_id,
        name=body.name,
        prefix=secret[:PREFIX_LENGTH],
        key_hash=hash_token(secret),
        scopes=sorted(body.scopes),
        expires_at=body.expires_at,
    )
    session.add(key)
    await session.flush()
    audit.record(session, Action.API_KEY_CREATED, key, name=key.name, scopes=key.scopes)
    stored = ApiKeyResponse.model_validate(key).model_dump()
    return ApiKeyCreated(**stored, key=secret)


async def _keep_few(session: AsyncSession, *whose: ColumnElement[bool]) -> None:
    """Raise Conflict at `MAX_LIVE` keys. The caller's lock on the owner makes the check safe."""
    query = select(func.count(ApiKey.id)).where(*whose, ApiKey.alive)
    if (await session.scalar(query) or 0) >= MAX_LIVE:
        raise Conflict(f"The limit of {MAX_LIVE} API keys is reached; revoke one first")


async def _revoke(session: AsyncSession, *which: ColumnElement[bool]) -> bool:
    """Return whether any key was revoked."""
    query = select(ApiKey).where(*which, ApiKey.revoked_at.is_(None))
    keys = list(await session.scalars(query.order_by(ApiKey.id).with_for_update()))
    for key in keys:
        key.revoked_at = utc_now()
        audit.record(session, Action.API_KEY_REVOKED, key)
    await session.flush()
    return bool(keys)
