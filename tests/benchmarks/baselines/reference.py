"""The reference's own way: ORM sessions, the user loaded for each request, hashes on the loop.

It follows the document that the template was ordered from, on the tables of the service. It has no
`owner_id` of organizations, because those tables have none.
"""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from uuid import UUID

import jwt
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pwdlib import PasswordHash
from pydantic import BaseModel, ConfigDict, EmailStr, Field
from sqlalchemy import DateTime, ForeignKey, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

KEY = os.environ["SECRET_KEY"]
HASHES = PasswordHash.recommended()
T = TypeVar("T")
engine = create_async_engine(
    os.environ["DATABASE_URL"], pool_size=5, max_overflow=10, pool_pre_ping=True
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True)}


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    hashed_password: Mapped[str]
    role: Mapped[str]
    is_active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    deleted_at: Mapped[datetime | None]

    memberships: Mapped[list["Membership"]] = relationship(lazy="selectin", back_populates="user")

    @property
    def organizations(self) -> list["Organization"]:
        return [each.organization for each in self.memberships]


class Organization(Base):
    __tablename__ = "organizations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    slug: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Membership(Base):
    __tablename__ = "memberships"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    role: Mapped[str]

    user: Mapped[User] = relationship(back_populates="memberships")
    organization: Mapped[Organization] = relationship()


class Schema(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class UserResponse(Schema):
    id: UUID
    email: EmailStr
    name: str = Field(min_length=2, max_length=100)
    role: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


class OrganizationSummary(Schema):
    id: UUID
    name: str
    slug: str


class UserWithOrganizations(UserResponse):
    organizations: list[OrganizationSummary]


class OrganizationResponse(OrganizationSummary):
    member_count: int = 0
    created_at: datetime


class Page(BaseModel, Generic[T]):
    data: list[T]
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


async def find_user(db: AsyncSession, *conditions: Any, options: Any = ()) -> User | None:
    query = select(User).options(*options).where(User.deleted_at.is_(None), *conditions)
    return (await db.execute(query)).scalar_one_or_none()


async def get_current_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())], db: DB
) -> User:
    try:
        payload = jwt.decode(credentials.credentials, KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Could not validate credentials") from None
    user = await find_user(db, User.id == UUID(payload["sub"]))
    if user is None or not user.is_active:
        raise HTTPException(401, "Could not validate credentials")
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


def require_role(*roles: str) -> Callable[[User], Awaitable[User]]:
    async def check_role(user: CurrentUser) -> User:
        if user.role not in roles:
            raise HTTPException(403, "Insufficient permissions")
        return user

    return check_role


router = APIRouter()


@router.get("/users/", response_model=Page[UserResponse])
async def list_users(
    db: DB,
    admin: Annotated[User, Depends(require_role("admin"))],
    page: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Any:
    query = select(User).where(User.deleted_at.is_(None))
    total = (await db.execute(select(func.count()).select_from(query.subquery()))).scalar() or 0
    query = query.order_by(User.created_at.desc()).offset((page - 1) * limit).limit(limit)
    return {
        "data": list((await db.execute(query)).scalars().all()),
        "total": total,
        "page": page,
        "limit": limit,
        "total_pages": -(-total // limit),
        "has_more": page * limit < total,
    }


@router.get("/users/me", response_model=UserWithOrganizations)
async def read_me(db: DB, user: CurrentUser) -> Any:
    organizations = selectinload(User.memberships).selectinload(Membership.organization)
    return await find_user(db, User.id == user.id, options=(organizations,))


@router.patch("/users/me", response_model=UserResponse)
async def update_me(db: DB, current: CurrentUser, body: UserUpdate) -> Any:
    user = await find_user(db, User.id == current.id)
    for field, value in body.model_dump(exclude_unset=True).items():
        setattr(user, field, value)
    await db.commit()
    await db.refresh(user)
    return user


@router.get("/organizations/{slug}", response_model=OrganizationResponse)
async def read_organization(db: DB, user: CurrentUser, slug: str) -> Any:
    found = await db.execute(select(Organization).where(Organization.slug == slug))
    organization = found.scalar_one_or_none()
    if organization is None:
        raise HTTPException(404, "Organization not found")
    membership = await db.execute(
        select(Membership).where(
            Membership.organization_id == organization.id, Membership.user_id == user.id
        )
    )
    if membership.scalar_one_or_none() is None:
        raise HTTPException(403, "Not a member of this organization")
    return organization


@router.post("/auth/login", response_model=Tokens)
async def login(db: DB, body: Login) -> Any:
    user = await find_user(db, User.email == body.email)
    if user is None or not HASHES.verify(body.password, user.hashed_password):
        raise HTTPException(401, "Incorrect email or password")
    access, refresh = (
        jwt.encode({"sub": str(user.id), "exp": now() + valid}, KEY, "HS256")
        for valid in (timedelta(minutes=30), timedelta(days=7))
    )
    return {"access_token": access, "refresh_token": refresh, "user": user}


app = FastAPI()
app.add_middleware(GZipMiddleware, minimum_size=1000)
app.add_middleware(
    CORSMiddleware,
    allow_origins=["http://localhost:3000"],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)
app.include_router(router, prefix="/api/v1")


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}
