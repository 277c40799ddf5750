import pytest

from app.core.roles import UserRole
from tests.support.command_line import run_on
from tests.support.service import Service

PASSWORD = "Correct-Horse-7!"


async def login(service: Service, email: str, password: str) -> dict[str, str]:
    async with service.client() as client:
        body = {"email": email, "password": password}
        answer = await client.post("/api/v1/auth/login", json=body)
        answer.raise_for_status()
        user: dict[str, str] = answer.json()["user"]
        return user


async def test_a_new_admin_can_log_in(committed_service: Service) -> None:
    result = await run_on(
        committed_service, "create-admin", "ada@example.com", ADMIN_PASSWORD=PASSWORD
    )
    assert result.exit_code == 0, result.output
    user = await login(committed_service, "ada@example.com", PASSWORD)
    assert user["role"] == UserRole.ADMIN
    assert user["email_verified_at"] is not None  # whoever runs commands vouches for it


async def test_the_password_of_a_new_admin_is_asked_for_twice(committed_service: Service) -> None:
    result = await run_on(
        committed_service,
        *("create-admin", "ada@example.com", "--name", "Ada"),
        typed=f"{PASSWORD}\n{PASSWORD}\n",
    )
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    user = await login(committed_service, "ada@example.com", PASSWORD)
    assert user["name"] == "Ada"


async def test_a_registered_user_becomes_admin_only_on_request(committed_service: Service) -> None:
    registration = {"email": "ada@example.com", "name": "Ada", "password": PASSWORD}
    async with committed_service.client() as client:
        answer = await client.post("/api/v1/auth/register", json=registration)
    assert answer.status_code == 201

    refused = await run_on(
        committed_service, "create-admin", "ada@example.com", ADMIN_PASSWORD="Other-Horse-8!"
    )
    assert refused.exit_code == 1
    assert "--promote" in refused.output

    promoted = await run_on(committed_service, "create-admin", "ada@example.com", "--promote")
    assert promoted.exit_code == 0, promoted.output
    user = await login(committed_service, "ada@example.com", PASSWORD)
    assert user["role"] == UserRole.ADMIN


async def test_an_email_that_is_no_text_is_one_sentence(committed_service: Service) -> None:
    result = await run_on(committed_service, "create-admin", "\udcff@example.com", "--promote")
    assert result.exit_code == 2
    assert "Type it without control characters" in result.output


async def test_nobody_cannot_be_promoted(committed_service: Service) -> None:
    result = await run_on(committed_service, "create-admin", "nobody@example.com", "--promote")
    assert result.exit_code == 1
    assert "Nobody is registered as nobody@example.com" in result.output


@pytest.mark.parametrize(
    ("email", "password"), [("ada@example.com", "correct-horse-7!"), ("ada", PASSWORD)]
)
async def test_an_admin_meets_the_same_rules_as_others(
    committed_service: Service, email: str, password: str
) -> None:
    result = await run_on(committed_service, "create-admin", email, ADMIN_PASSWORD=password)
    assert result.exit_code == 1
    assert "Value error" not in result.output
    assert password not in result.output


async def test_a_password_is_never_an_argument(committed_service: Service) -> None:
    """Every user of the machine can read the arguments of a process."""
    for arguments in (("--password", PASSWORD), (PASSWORD,)):
        result = await run_on(committed_service, "create-admin", "ada@example.com", *arguments)
        assert result.exit_code == 2
