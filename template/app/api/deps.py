"""The vocabulary of a route's signature: who calls, with which right, on which rows.

Every dependency is `async`: FastAPI would send a plain function to a thread.
"""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTasks
from starlette.requests import HTTPConnection

from app.core.config import Settings
from app.core.errors import Forbidden
from app.core.passwords import Passwords
from app.core.roles import UserRole
from app.core.tokens import AccessClaims, read_access_token
from app.db.session import Database
from app.models import User
from app.schemas.common import PaginationParams
from app.services import audit, auth
from app.tasks.queue import TaskQueue

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

bearer = HTTPBearer(
    description="Log in with `POST /auth/login`, then paste the `access_token` of the response."
)


def client_host(connection: HTTPConnection) -> str:
    """The client's address, by way of trusted proxies only; empty for a Unix socket."""
    return connection.client.host if connection.client else ""


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


async def get_access_claims(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)], settings: AppSettings
) -> AccessClaims:
    return read_access_token(settings, credentials.credentials)


Claims = Annotated[AccessClaims, Depends(get_access_claims)]
"""The claims of a valid token; its session may have ended since."""


async def get_caller(db: DB, claims: Claims) -> auth.Caller:
    """Raises InvalidToken once the session has ended."""
    caller = await auth.get_caller(db, claims)
    audit.set_origin(db, actor_id=caller.user.id)
    return caller


Caller = Annotated[auth.Caller, Depends(get_caller)]


async def get_current_user(caller: Caller) -> User:
    return caller.user


CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_session_user(caller: Caller) -> User:
    if caller.key is not None:
        raise Forbidden("An API key is not enough for this: log in")
    return caller.user


SessionUser = Annotated[User, Depends(get_session_user)]
"""For what concerns the account itself: a program that acts for the user may not do it."""


async def get_admin(user: CurrentUser) -> User:
    if user.role is not UserRole.ADMIN:
        raise Forbidden
    return user


AdminUser = Annotated[User, Depends(get_admin)]


async def get_pagination(
    page: Annotated[int, Query(ge=1, le=10_000, description="Page number, from 1")] = 1,
    limit: Annotated[int, Query(ge=1, le=100, description="Items per page")] = 20,
) -> PaginationParams:
    return PaginationParams(page=page, limit=limit)


Pagination = Annotated[PaginationParams, Depends(get_pagination)]
