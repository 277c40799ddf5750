"""API keys: made once, shown once, and known by their hash from then on."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.errors import Conflict, Forbidden, Invalid, NotFound
from app.core.roles import Scope, UserRole
from app.core.tokens import hash_token, new_api_key
from app.models import ApiKey, Membership, User
from app.schemas.api_key import ApiKeyCreate
from app.schemas.common import PaginationParams
from app.services import audit
from app.services.audit import Action
from app.services.locking import lock_organization, lock_user

MAX_LIVE = 50
PREFIX_LENGTH = 11
USE_NOTED_EVERY = timedelta(minutes=1)


async def create(session: AsyncSession, user: User, body: ApiKeyCreate) -> tuple[ApiKey, str]:
    """The stored key, and the key itself."""
    if Scope.ADMIN in body.scopes and user.role is not UserRole.ADMIN:
        raise Forbidden("Only administrators can give a key the scope admin")
    await lock_user(session, user.id)
    await _keep_few(session, ApiKey.user_id == user.id, ApiKey.organization_id.is_(None))
    return await _create(session, user.id, body)


async def create_for_organization(
    session: AsyncSession, actor: Membership, body: ApiKeyCreate
) -> tuple[ApiKey, str]:
    """It acts in the actor's name, with the rights that the actor has at each moment."""
    if Scope.ADMIN in body.scopes:
        raise Invalid("A key of an organization cannot have the scope admin", field="scopes")
    await lock_user(session, actor.user_id)
    await lock_organization(session, actor.organization_id)
    await _keep_few(session, ApiKey.organization_id == actor.organization_id)
    return await _create(session, actor.user_id, body, organization_id=actor.organization_id)


def of_user(user_id: UUID) -> ColumnElement[bool]:
    """Those that act in the user's name, an organization's as well."""
    return ApiKey.user_id == user_id


def of_organization(organization_id: UUID) -> ColumnElement[bool]:
    return ApiKey.organization_id == organization_id


async def list_keys(
    session: AsyncSession, whose: ColumnElement[bool], pagination: PaginationParams
) -> tuple[list[ApiKey], int]:
    """One page, newest first, and the total; also the expired ones, so that one can see why."""
    conditions = (whose, ApiKey.revoked_at.is_(None))
    total = await session.scalar(select(func.count(ApiKey.id)).where(*conditions))
    rows = await session.scalars(
        select(ApiKey)
        .where(*conditions)
        .order_by(ApiKey.created_at.desc(), ApiKey.id.desc())
        .offset(pagination.offset)
        .limit(pagination.limit)
    )
    return list(rows), total or 0


async def revoke(session: AsyncSession, whose: ColumnElement[bool], key_id: UUID) -> None:
    if not await _revoke(session, whose, ApiKey.id == key_id):
        raise NotFound("API key not found")


async def revoke_all(
    session: AsyncSession, user_id: UUID, *, organization_id: UUID | None = None
) -> None:
    """All that act in the user's name, or those for one organization."""
    mine = of_user(user_id)
    if organization_id is not None:
        mine &= of_organization(organization_id)
    await _revoke(session, mine)


def is_use_noted(key: ApiKey) -> bool:
    return key.last_used_at is not None and key.last_used_at > utc_now() - USE_NOTED_EVERY


async def note_use(session: AsyncSession, key_id: UUID) -> None:
    """Does nothing if another request has done it meanwhile."""
    key = await session.get(ApiKey, key_id)
    if key is not None and not is_use_noted(key):
        key.last_used_at = utc_now()
        await session.flush()


async def _create(
    session: AsyncSession, user_id: UUID, body: ApiKeyCreate, organization_id: UUID | None = None
) -> tuple[ApiKey, str]:
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
    audit.record(
        session,
        Action.API_KEY_CREATED,
        key,
        organization_id=organization_id,
        name=key.name,
        scopes=key.scopes,
    )
    return key, secret


async def _keep_few(session: AsyncSession, *whose: ColumnElement[bool]) -> None:
    """The caller has locked whose keys they are, so that two requests cannot both be the last."""
    live = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > utc_now())
    query = select(func.count(ApiKey.id)).where(*whose, ApiKey.revoked_at.is_(None), live)
    if (await session.scalar(query) or 0) >= MAX_LIVE:
        raise Conflict(f"There are {MAX_LIVE} keys: revoke one that is no longer needed")


async def _revoke(session: AsyncSession, *which: ColumnElement[bool]) -> bool:
    """Whether there was one to revoke."""
    live = select(ApiKey).where(*which, ApiKey.revoked_at.is_(None))
    keys = list(await session.scalars(live.order_by(ApiKey.id).with_for_update()))
    for key in keys:
        key.revoked_at = utc_now()
        audit.record(session, Action.API_KEY_REVOKED, key, organization_id=key.organization_id)
    await session.flush()
    return bool(keys)
