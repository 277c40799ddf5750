"""Events between processes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI


@asynccontextmanager
async def open_hub(app: FastAPI) -> AsyncGenerator[None]:
    yield
