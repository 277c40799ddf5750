"""The vocabulary of a route's signature: who calls, with which right, on which rows.

Every dependency is `async`: FastAPI would send a plain function to a thread.
"""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTasks

from app.api.address import client_host
from app.api.rate_limit import Limiter, Policy
from app.core.config import Settings
from app.core.errors import Forbidden
from app.core.passwords import Passwords
from app.core.roles import Scope, UserRole
from app.core.tokens import AccessClaims, KeyClaims, read_bearer
from app.db.session import Database
from app.models import User
from app.services import api_keys, audit, auth
from app.tasks.queue import TaskQueue

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
NEEDS_LOGIN = "An API key is not enough for this: log in"

bearer = HTTPBearer(
    description="Log in with `POST /auth/login`, then paste the `access_token` of the response; "
    "or paste an API key."
)


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


async def get_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


AppSettings = Annotated[Settings, Depends(get_settings)]
AppPasswords = Annotated[Passwords, Depends(get_passwords)]
AppDatabase = Annotated[Database, Depends(get_database)]


async def get_queue(background: BackgroundTasks, request: Request) -> TaskQueue:
    return TaskQueue(background, request.app.state.start_task)


Tasks = Annotated[TaskQueue, Depends(get_queue)]


async def get_db(request: Request, database: AppDatabase) -> AsyncGenerator[AsyncSession]:
    """One transaction for the request: committed before the response, rolled back on error."""
    sessions = database.read if request.method in SAFE_METHODS else database.write
    async with sessions() as session:
        audit.set_origin(session, address=client_host(request), request_id=request.state.request_id)
        yield session
        await session.commit()


DB = Annotated[AsyncSession, Depends(get_db, scope="function")]


async def get_bearer_claims(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], settings: AppSettings
) -> AccessClaims | KeyClaims:
    return read_bearer(settings, credentials.credentials)


BearerClaims = Annotated[AccessClaims | KeyClaims, Depends(get_bearer_claims)]


async def get_access_claims(claims: BearerClaims) -> AccessClaims:
    if isinstance(claims, KeyClaims):
        raise Forbidden(NEEDS_LOGIN)
    return claims


Claims = Annotated[AccessClaims, Depends(get_access_claims)]
"""The claims of a valid token; its session may have ended since."""


async def get_caller(
    request: Request, background: BackgroundTasks, db: DB, claims: BearerClaims, limiter: Limiter
) -> auth.Caller:
    """Raises InvalidToken once the session or the key has ended, Forbidden beyond its scopes."""
    caller = await auth.get_caller(db, claims)
    audit.set_origin(db, actor_id=caller.user.id, api_key_id=caller.key and caller.key.id)
    if caller.key is not None:
        await limiter.count(Policy.CALLER, str(caller.user.id))
        if not api_keys.is_use_noted(caller.key):
            background.add_task(request.app.state.key_uses.note, caller.key.id)
        caller.require(Scope.READ if request.method in SAFE_METHODS else Scope.WRITE)
    return caller


Caller = Annotated[auth.Caller, Depends(get_caller)]


async def get_current_user(caller: Caller) -> User:
    if caller.key is not None and caller.key.organization_id is not None:
        raise Forbidden("This API key is for its organization only")
    return caller.user


CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_session_user(caller: Caller) -> User:
    if caller.key is not None:
        raise Forbidden(NEEDS_LOGIN)
    return caller.user


SessionUser = Annotated[User, Depends(get_session_user)]
"""For what concerns the account itself: a program that acts for the user may not do it."""


async def get_admin(caller: Caller, user: CurrentUser) -> User:
    if user.role is not UserRole.ADMIN:
        raise Forbidden
    caller.require(Scope.ADMIN)
    return user


AdminUser = Annotated[User, Depends(get_admin)]
