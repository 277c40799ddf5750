import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.core.roles import UserRole
from tests.support.factories import make_admin, make_user
from tests.support.logins import ADA, try_login
from tests.support.service import Service

USERS = "/api/v1/users/"


@pytest.fixture
async def admin(service: Service, session: AsyncSession) -> AsyncClient:
    return await service.sign_in(
        await make_admin(session, email="root@example.org", name="The Administrator")
    )


async def found(client: AsyncClient, **query: str | int | bool) -> list[str]:
    response = await client.get(USERS, params=query)
    assert response.status_code == 200, response.text
    return [user["name"] for user in response.json()["data"]]


async def test_newest_user_comes_first(admin: AsyncClient, session: AsyncSession) -> None:
    for name in ("Ada", "Grace", "Edsger"):
        await make_user(session, name=name)

    assert await found(admin) == ["Edsger", "Grace", "Ada", "The Administrator"]


async def test_deleted_users_are_not_listed(admin: AsyncClient, session: AsyncSession) -> None:
    await make_user(session, deleted_at=utc_now())

    assert await found(admin) == ["The Administrator"]


async def test_pages_are_stable_for_equal_times(admin: AsyncClient, session: AsyncSession) -> None:
    now = utc_now()
    users = [await make_user(session, created_at=now) for _ in range(7)]

    pages = [await found(admin, page=page, limit=3, role="user") for page in (1, 2, 3)]

    assert [len(page) for page in pages] == [3, 3, 1]
    by_id = sorted(users, key=lambda user: user.id, reverse=True)
    assert [name for page in pages for name in page] == [user.name for user in by_id]


async def test_page_has_totals(admin: AsyncClient, session: AsyncSession) -> None:
    for _ in range(4):
        await make_user(session)

    first = (await admin.get(USERS, params={"limit": 3})).json()
    last = (await admin.get(USERS, params={"limit": 3, "page": 2})).json()

    for page in (first, last):
        del page["data"], page["next_cursor"]
    assert first == {"total": 5, "page": 1, "limit": 3, "total_pages": 2, "has_more": True}
    assert last == {"total": 5, "page": 2, "limit": 3, "total_pages": 2, "has_more": False}


@pytest.mark.parametrize(("query", "limit"), [("", 20), ("?limit=100", 100)])
async def test_page_has_20_rows_by_default(admin: AsyncClient, query: str, limit: int) -> None:
    page = (await admin.get(f"{USERS}{query}")).json()

    assert (page["page"], page["limit"]) == (1, limit)


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("lovelace", ["Ada Lovelace"]),
        ("COUNTESS@", ["Ada Lovelace"]),
        ("100%", ["100% Grace"]),
        ("_b", ["a_b"]),
        ("%%", []),
        ("__", []),
        ("\\%", []),
        ("nobody", []),
        ("ÉLISE", ["Élise"]),
    ],
)
async def test_search_has_no_wildcards(
    admin: AsyncClient, session: AsyncSession, search: str, names: list[str]
) -> None:
    await make_user(session, name="Ada Lovelace", email="countess@example.com")
    await make_user(session, name="100% Grace")
    await make_user(session, name="a_b")
    await make_user(session, name="aab")
    await make_user(session, name="Élise")

    assert await found(admin, search=search) == names


async def test_filters_combine(admin: AsyncClient, session: AsyncSession) -> None:
    await make_user(session, name="active")
    await make_user(session, name="idle", is_active=False)
    await make_admin(session, name="idle admin", is_active=False)

    assert await found(admin, role="admin") == ["idle admin", "The Administrator"]
    assert await found(admin, is_active=False) == ["idle admin", "idle"]
    assert await found(admin, is_active=False, role="user") == ["idle"]
    assert await found(admin, is_active=True, search="act") == ["active"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("search=a%00b", 400),
        *((f"search={value}", 422) for value in ("a", "a" * 101, "a%01b")),
        *((f"page={value}", 422) for value in ("0", "10001", "1" + "0" * 18, "9" * 5000, "one")),
        *((f"limit={value}", 422) for value in ("0", "101", "-1")),
        ("role=emperor", 422),
        ("is_active=perhaps", 422),
    ],
)
async def test_invalid_query_is_rejected(admin: AsyncClient, query: str, status: int) -> None:
    assert (await admin.get(f"{USERS}?{query}")).status_code == status


async def test_admin_reads_a_user(admin: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)

    response = await admin.get(f"{USERS}{user.id}")

    assert response.status_code == 200
    assert response.json()["email"] == user.email
    assert "password" not in response.text


@pytest.mark.parametrize(
    ("user_id", "status"), [("00000000-0000-0000-0000-000000000000", 404), ("42", 422)]
)
async def test_unknown_user_is_not_found(admin: AsyncClient, user_id: str, status: int) -> None:
    assert (await admin.get(f"{USERS}{user_id}")).status_code == status


async def test_admin_creates_user_with_role(admin: AsyncClient, client: AsyncClient) -> None:
    response = await admin.post(USERS, json=ADA | {"role": "admin", "is_active": False})

    assert response.status_code == 201
    assert response.json()["role"] == UserRole.ADMIN
    assert response.json()["is_active"] is False
    assert (await admin.post(USERS, json=ADA)).status_code == 409
    assert (await try_login(client, ADA["email"])).status_code == 403


async def test_password_chosen_by_an_admin_is_checked(admin: AsyncClient) -> None:
    response = await admin.post(USERS, json=ADA | {"password": "no-digit-here"})

    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "body.password"
