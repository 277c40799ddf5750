"""Two processes of the service: neither may serve what the other has changed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import pytest
from httpx import AsyncClient

from app.core.cache import Cache
from app.core.roles import MemberRole
from app.models import Organization, User
from app.services import organization_cache, organizations
from tests.conftest import settings_for
from tests.support.factories import make_admin, make_member, make_organization, make_user
from tests.support.service import Service, running_with
from tests.support.waiting import NEVER, patience


@pytest.fixture
async def committed_service(
    own_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Service]:
    monkeypatch.setattr(organization_cache, "MAX_AGE_SECONDS", int(NEVER))
    async with running_with(settings_for(own_url)) as service:
        yield service


@pytest.fixture
async def other(committed_service: Service) -> AsyncGenerator[Service]:
    async with running_with(committed_service.settings) as service:
        yield service


@pytest.fixture
async def owner(committed_service: Service) -> User:
    return await committed_service.make(make_user)


@pytest.fixture
async def organization(committed_service: Service, owner: User) -> Organization:
    return await committed_service.make(make_organization, owner, name="Old")


@pytest.fixture
async def member(committed_service: Service, organization: Organization) -> User:
    return await committed_service.make(make_member, organization)


@pytest.fixture
async def here(committed_service: Service, owner: User) -> AsyncGenerator[AsyncClient]:
    async with await committed_service.sign_in(owner) as client:
        yield client


@pytest.fixture
async def there(other: Service, owner: User) -> AsyncGenerator[AsyncClient]:
    async with await other.sign_in(owner) as client:
        yield client


@pytest.fixture
def path(organization: Organization) -> str:
    return f"/api/v1/organizations/{organization.slug}"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One item for each load of an organization from the database."""
    loads: list[str] = []
    details = organizations.details

    async def load(*arguments: Any) -> Any:
        loads.append("load")
        return await details(*arguments)

    monkeypatch.setattr(organizations, "details", load)
    return loads


async def read(client: AsyncClient, path: str) -> dict[str, Any]:
    response = await client.get(path)
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def test_organization_is_loaded_once_by_all_processes(
    here: AsyncClient, there: AsyncClient, path: str, loads: list[str]
) -> None:
    answers = [await read(client, path) for client in (here, there, here)]

    assert answers[0] == answers[1] == answers[2]
    assert len(loads) == 1


async def test_each_member_sees_their_own_role(
    other: Service, here: AsyncClient, member: User, path: str
) -> None:
    assert (await read(here, path))["role"] == "owner"

    async with await other.sign_in(member) as client:
        assert (await read(client, path))["role"] == "member"


async def test_changed_role_is_served(
    other: Service, here: AsyncClient, member: User, path: str
) -> None:
    async with await other.sign_in(member) as client:
        await read(client, path)
        await here.patch(f"{path}/members/{member.id}", json={"role": MemberRole.VIEWER})

        assert (await read(client, path))["role"] == "viewer"


async def test_removed_member_gets_nothing_cached(
    other: Service, here: AsyncClient, member: User, path: str
) -> None:
    await read(here, path)
    async with await other.sign_in(member) as client:
        await here.delete(f"{path}/members/{member.id}")

        assert (await client.get(path)).status_code == 404


async def test_new_name_is_served(here: AsyncClient, there: AsyncClient, path: str) -> None:
    await read(there, path)
    await here.patch(path, json={"name": "New"})

    assert (await read(there, path))["name"] == "New"


async def test_rejected_change_keeps_the_cache(
    here: AsyncClient, there: AsyncClient, path: str, loads: list[str]
) -> None:
    await read(there, path)
    await here.patch(path, json={"name": ""})

    await read(there, path)
    assert len(loads) == 1


async def test_member_count_is_current(
    committed_service: Service, here: AsyncClient, there: AsyncClient, member: User, path: str
) -> None:
    users = [await committed_service.make(make_user) for _ in range(2)]
    admin = await committed_service.make(make_admin)
    counts = [(await read(there, path))["member_count"]]

    async def note(response: Awaitable[Any]) -> None:
        assert (await response).status_code in {201, 204}
        counts.append((await read(there, path))["member_count"])

    for user in users:
        await note(here.post(f"{path}/members", json={"user_id": str(user.id)}))
    await note(here.delete(f"{path}/members/{users[0].id}"))
    async with await committed_service.sign_in(users[1]) as client:
        await note(client.post(f"{path}/leave"))
    async with await committed_service.sign_in(admin) as client:
        await note(client.delete(f"/api/v1/users/{member.id}"))

    assert counts == [2, 3, 4, 3, 2, 1]


async def test_new_owner_is_served(
    here: AsyncClient, there: AsyncClient, member: User, path: str
) -> None:
    await read(there, path)
    await here.post(f"{path}/transfer", json={"user_id": str(member.id)})

    answer = await read(there, path)
    assert answer["owner_id"] == str(member.id)
    assert answer["role"] == "admin"


@pytest.mark.parametrize("before", ["the stamp is read", "the row is read", "the row is stored"])
async def test_slow_reader_caches_nothing_outdated(
    here: AsyncClient, there: AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """The organization changes while a reader's request is paused at one point."""
    arrived, released = asyncio.Event(), asyncio.Event()
    get, details = Cache.get, organizations.details

    async def stand_still(place: str) -> None:
        if place == before and not arrived.is_set():
            arrived.set()
            await released.wait()

    async def slow_get(*arguments: Any) -> Any:
        await stand_still("the stamp is read")
        return await get(*arguments)

    async def slow_details(*arguments: Any) -> Any:
        await stand_still("the row is read")
        found = await details(*arguments)
        await stand_still("the row is stored")
        return found

    monkeypatch.setattr(Cache, "get", slow_get)
    monkeypatch.setattr(organizations, "details", slow_details)
    async with patience():
        reader = asyncio.create_task(read(there, path))
        await arrived.wait()
        assert (await here.patch(path, json={"name": "New"})).status_code == 200
        released.set()
        await reader

    assert (await read(there, path))["name"] == "New"
    assert (await read(here, path))["name"] == "New"
