"""The service under test, and the clients that call it."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from app.api.resources import Resources
from app.api.routing import Route
from app.core.config import Settings
from app.db.session import Database
from app.main import create_app
from app.models import User
from app.services import logins

Row = TypeVar("Row")
Operations = dict[str, dict[str, Any]]

ANNOUNCED: dict[str, list[tuple[re.Pattern[str], Operations]]] = {}
"""The paths of the OpenAPI document by API prefix, cached because building it is slow."""
IDLE: list[FastAPI] = []
"""Applications that have been shut down, for reuse."""


@dataclass
class Service:
    app: FastAPI

    @property
    def settings(self) -> Settings:
        settings: Settings = self.app.state.settings
        return settings

    @property
    def resources(self) -> Resources:
        resources: Resources = self.app.state.resources
        return resources

    @property
    def database(self) -> Database:
        return self.resources.database

    @contextmanager
    def replaced(self, **resources: Any) -> Iterator[None]:
        """Let requests use these resources instead."""
        usual = self.resources
        self.app.state.resources = replace(usual, **resources)
        yield
        self.app.state.resources = usual

    def client(self, token: str | None = None) -> AsyncClient:
        """Return a client that accepts only statuses which the OpenAPI document lists."""
        return AsyncClient(
            transport=ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://test",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            event_hooks={"response": [self._check_announced]},
        )

    async def make(self, factory: Callable[..., Awaitable[Row]], *args: Any, **columns: Any) -> Row:
        """Call a factory with a session of its own: `await service.make(make_user)`."""
        async with self.database.write() as session:
            return await factory(session, *args, **columns)

    async def sign_in(self, user: User) -> AsyncClient:
        """Return a client with an access token, without hashing a password."""
        async with self.database.write() as session:
            stored = await session.get_one(User, user.id)
            pair = await logins.start(session, self.settings, stored)
            await session.commit()
        return self.client(pair.access_token)

    async def _check_announced(self, response: Response) -> None:
        path = response.request.url.path.removesuffix("/")
        for pattern, operations in self._announced:
            operation = operations.get(response.request.method.lower())
            if operation and pattern.fullmatch(path):
                assert str(response.status_code) in operation["responses"], (
                    f"{response.request.method} {path} answered {response.status_code}: announce it"
                )
                return

    @property
    def _announced(self) -> list[tuple[re.Pattern[str], Operations]]:
        prefix = self.settings.API_V1_PREFIX
        if prefix not in ANNOUNCED:
            paths = self.app.openapi()["paths"]
            fixed_first = sorted(paths, key=lambda path: path.count("{"))
            ANNOUNCED[prefix] = [
                (re.compile(re.sub(r"{\w+}", "[^/]+", path.rstrip("/"))), paths[path])
                for path in fixed_first
            ]
        return ANNOUNCED[prefix]


@asynccontextmanager
async def undone(session: AsyncSession) -> AsyncGenerator[None]:
    """Undo all commits inside, including those of the service."""
    await session.commit()
    assert isinstance(session.bind, AsyncConnection)
    transaction = await session.bind.begin_nested()
    yield
    await session.commit()
    await transaction.rollback()


def add_route(
    service: Service, endpoint: Callable[..., Awaitable[Any]], method: str = "POST"
) -> str:
    """Add a route to this service only, and return its path."""
    path = f"/{endpoint.__name__}"
    service.app.router.add_api_route(
        path,
        endpoint,
        methods=[method],
        include_in_schema=False,
        route_class_override=Route,
    )
    return path


@asynccontextmanager
async def running(app: FastAPI) -> AsyncGenerator[Service]:
    """Run the app, and remove what `add_route` added."""
    routes = list(app.router.routes)
    async with app.router.lifespan_context(app):
        yield Service(app)
    app.router.routes[:] = routes


@contextmanager
def application(settings: Settings) -> Iterator[FastAPI]:
    """Yield an application that may have run before, because a new one is slow to make.

    Settings that `create_app` reads are not applied: hosts, origins, documentation, sizes and
    the password policy.
    """
    app = IDLE.pop() if IDLE else create_app(settings)
    app.state.settings = settings
    yield app
    IDLE.append(app)


@asynccontextmanager
async def running_with(settings: Settings) -> AsyncGenerator[Service]:
    with application(settings) as app:
        async with running(app) as service:
            yield service


def assert_problem(response: Response, status: int, detail: str | None = None) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["instance"].rstrip("/") == response.request.url.path.rstrip("/")
    assert problem["request_id"] == response.headers["x-request-id"]
    assert isinstance(problem["detail"], str)
    assert isinstance(problem["title"], str)
    assert detail in {None, problem["detail"]}
