"""The unit: a route with only FastAPI, a JWT, asyncpg and a response model."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import jwt
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

URL = os.environ["DATABASE_URL"].replace("+asyncpg", "")
KEY = os.environ["SECRET_KEY"]
FIND = "SELECT id, email, name, role, is_active, created_at, updated_at FROM users WHERE id = $1"


class User(BaseModel):
    id: UUID
    email: str
    name: str
    role: str
    is_active: bool
    created_at: datetime
    updated_at: datetime


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with asyncpg.create_pool(URL, min_size=20, max_size=20) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)


async def get_user_id(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> UUID:
    try:
        return UUID(jwt.decode(credentials.credentials, KEY, algorithms=["HS256"])["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None


@app.get("/api/v1/users/me", response_model=User)
async def read_me(request: Request, user_id: Annotated[UUID, Depends(get_user_id)]) -> Any:
    row = await request.app.state.pool.fetchrow(FIND, user_id)
    if row is None:
        raise HTTPException(401)
    return dict(row)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}
