"""Two processes of the service, on one Redis and one database, are one room."""

from collections.abc import AsyncGenerator

import pytest

from tests.conftest import settings_for
from tests.support.databases import Databases
from tests.support.realtime_redis import run_unhurried
from tests.support.service import Service, running_with
from tests.support.websocket_process import Serving, make_room_between, serve_twice

Pair = tuple[Serving, Serving]


@pytest.fixture(scope="module")
async def service(databases: Databases, migrated: str) -> AsyncGenerator[Service]:
    url = await databases.copy(migrated)
    async with running_with(settings_for(url)) as service:
        yield service


@pytest.fixture(scope="module")
async def pair(service: Service) -> AsyncGenerator[Pair]:
    async with serve_twice(service, run_unhurried) as pair:
        yield pair


async def test_a_room_spans_processes(service: Service, pair: Pair) -> None:
    here, there = await make_room_between(service, *pair)
    bob = await here.member()
    async with here.enter(here.owner) as ada:
        async with there.enter(bob) as first:
            assert str(here.owner.id) in [user["user_id"] for user in first.ready["present"]]
            assert (await ada.event())["type"] == "presence.joined"
            async with here.enter(bob):
                await first.say("from there")
                assert (await ada.event())["text"] == "from there"
            await ada.say("from here")
            assert (await ada.event())["text"] == "from here"
            await first.hears("from there")
            await first.hears("from here")
            token = await here.token(here.owner)
            assert await pair[1].call("PATCH", here.path, token, name="Apollo") == 200
            for visitor in (ada, first):
                assert (await visitor.expect("project.updated"))["project"]["name"] == "Apollo"
        assert (await ada.event())["type"] == "presence.left"


async def test_rights_end_in_every_process(service: Service, pair: Pair) -> None:
    here, there = await make_room_between(service, *pair)
    bob = await here.member()
    owner, spent = await here.token(here.owner), await here.token(here.owner)
    async with there.enter(bob) as removed:
        assert await pair[0].call("DELETE", f"{here.members}/{bob.id}", owner) == 204
        assert await removed.closed() == 4403
    async with there.enter(here.owner, token=spent) as logged_out:
        assert await pair[0].call("POST", "/api/v1/auth/logout", spent) == 204
        assert await logged_out.closed() == 4401
    async with there.enter(here.owner) as visitor:
        assert await pair[0].call("DELETE", here.path, owner) == 204
        await visitor.expect("project.deleted")
        assert await visitor.closed() == 4404
