"""The reference's own way: ORM sessions, the user loaded for each request, hashes on the loop.

It follows the document that the template was ordered from, on the tables of the service, whose
models it uses. Organizations have no `owner_id` there.
"""

import os
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import jwt
from app.models import Membership, Organization, User
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pwdlib import PasswordHash
from pydantic import BaseModel, EmailStr, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import selectinload

URL, KEY = os.environ["DATABASE_URL"], os.environ["SECRET_KEY"]
HASHES = PasswordHash.recommended()
engine = create_async_engine(URL, pool_size=5, max_overflow=10, pool_pre_ping=True)
sessions = async_sessionmaker(engine, expire_on_commit=False)
MEMBERSHIPS = selectinload(User.memberships)
USERS = select(User).options(MEMBERSHIPS).where(User.deleted_at.is_(None))
"""The reference's relationship is `lazy="selectin"`: each query of users loads memberships too."""


class UserResponse(BaseModel, from_attributes=True):
    id: UUID
    email: EmailStr
    name: str = Field(min_length=2, max_length=100)
    role: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class OrganizationSummary(BaseModel, from_attributes=True):
    id: UUID
    name: str
    slug: str


class UserWithOrganizations(UserResponse):
    organizations: list[OrganizationSummary]


class OrganizationResponse(OrganizationSummary):
    member_count: int = 0
    created_at: datetime


class UserPage(BaseModel):
    data: list[UserResponse]
    total: int
    page: int
    limit: int
    total_pages: int
    has_more: bool


class UserUpdate(BaseModel):
    name: str = Field(min_length=2, max_length=100)


class Login(BaseModel):
    email: EmailStr
    password: str


class Tokens(BaseModel):
    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    user: UserResponse


async def get_db() -> AsyncGenerator[AsyncSession]:
    async with sessions() as session:
        yield session


DB = Annotated[AsyncSession, Depends(get_db)]
Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def find(db: AsyncSession, query: Any) -> Any:
    return (await db.execute(query)).scalar_one_or_none()


async def get_current_user(credentials: Credentials, db: DB) -> User:
    try:
        payload = jwt.decode(credentials.credentials, KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    user = await find(db, USERS.where(User.id == UUID(payload["sub"])))
    if user is None or not user.is_active:
        raise HTTPException(401)
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_admin(user: CurrentUser) -> User:
    if user.role != "admin":
        raise HTTPException(403)
    return user


router = APIRouter(prefix="/api/v1")


@router.get("/users/", response_model=UserPage)
async def list_users(
    db: DB,
    admin: Annotated[User, Depends(get_admin)],
    page: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Any:
    count = select(func.count()).select_from(USERS.subquery())
    total = (await db.execute(count)).scalar() or 0
    query = USERS.order_by(User.created_at.desc()).offset((page - 1) * limit).limit(limit)
    users = list((await db.execute(query)).scalars().all())
    numbers = {"total": total, "page": page, "limit": limit, "total_pages": -(-total // limit)}
    return {"data": users, "has_more": page * limit < total, **numbers}


@router.get("/users/me", response_model=UserWithOrganizations)
async def read_me(db: DB, user: CurrentUser) -> Any:
    loaded = USERS.options(MEMBERSHIPS.selectinload(Membership.organization))
    user = await find(db, loaded.where(User.id == user.id))
    user.organizations = [each.organization for each in user.memberships]
    return user


@router.patch("/users/me", response_model=UserResponse)
async def update_me(db: DB, current: CurrentUser, body: UserUpdate) -> Any:
    user = await find(db, USERS.where(User.id == current.id))
    for field, value in body.model_dump(exclude_unset=True).items():
        setattr(user, field, value)
    await db.commit()
    await db.refresh(user)
    return user


@router.get("/organizations/{slug}", response_model=OrganizationResponse)
async def read_organization(db: DB, user: CurrentUser, slug: str) -> Any:
    organization = await find(db, select(Organization).where(Organization.slug == slug))
    if organization is None:
        raise HTTPException(404)
    memberships = select(Membership).where(Membership.organization_id == organization.id)
    if not await find(db, memberships.where(Membership.user_id == user.id)):
        raise HTTPException(403)
    return organization


@router.post("/auth/login", response_model=Tokens)
async def login(db: DB, body: Login) -> Any:
    user = await find(db, USERS.where(User.email == body.email))
    if user is None or not HASHES.verify(body.password, user.hashed_password):
        raise HTTPException(401)
    claims = {"sub": str(user.id), "exp": datetime.now(UTC) + timedelta(days=1)}
    access, refresh = (jwt.encode(claims, KEY, "HS256") for _ in range(2))
    return {"access_token": access, "refresh_token": refresh, "user": user}


app = FastAPI()
app.add_middleware(GZipMiddleware, minimum_size=1000)
app.add_middleware(CORSMiddleware, allow_origins=["http://localhost:3000"], allow_methods=["*"])
app.include_router(router)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}
