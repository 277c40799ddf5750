import pytest

from app.core.roles import UserRole
from tests.support.command_line import run_on
from tests.support.factories import PASSWORD
from tests.support.logins import ADA, REGISTER, try_login
from tests.support.service import Service

EMAIL = ADA["email"]


async def login(service: Service) -> dict[str, str]:
    async with service.client() as client:
        response = await try_login(client, EMAIL)
        response.raise_for_status()
        user: dict[str, str] = response.json()["user"]
        return user


async def test_new_admin_can_log_in(committed_service: Service) -> None:
    result = await run_on(committed_service, "create-admin", EMAIL, ADMIN_PASSWORD=PASSWORD)
    assert result.exit_code == 0, result.output
    user = await login(committed_service)
    assert user["role"] == UserRole.ADMIN
    assert user["email_verified_at"] is not None  # the operator vouches for it


async def test_password_is_asked_for_twice(committed_service: Service) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    result = await run_on(committed_service, "create-admin", EMAIL, "--name", "Ada", typed=typed)
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    assert (await login(committed_service))["name"] == "Ada"


async def test_existing_user_becomes_admin_only_on_request(committed_service: Service) -> None:
    async with committed_service.client() as client:
        assert (await client.post(REGISTER, json=ADA)).status_code == 201

    other = "Other-Horse-8!"
    rejected = await run_on(committed_service, "create-admin", EMAIL, ADMIN_PASSWORD=other)
    assert rejected.exit_code == 1
    assert "--promote" in rejected.output

    promoted = await run_on(committed_service, "create-admin", EMAIL, "--promote")
    assert promoted.exit_code == 0, promoted.output
    assert (await login(committed_service))["role"] == UserRole.ADMIN


@pytest.mark.parametrize(("email", "password"), [(EMAIL, PASSWORD.lower()), ("ada", PASSWORD)])
async def test_admin_meets_the_same_rules_as_users(
    committed_service: Service, email: str, password: str
) -> None:
    result = await run_on(committed_service, "create-admin", email, ADMIN_PASSWORD=password)
    assert result.exit_code == 1
    assert "Value error" not in result.output
    assert password not in result.output


async def test_email_of_undecodable_bytes_is_rejected(committed_service: Service) -> None:
    result = await run_on(committed_service, "create-admin", "\udcff@example.com", "--promote")
    assert result.exit_code == 2
    assert "Use UTF-8 without control characters" in result.output


@pytest.mark.parametrize("given", [("--password", PASSWORD), (PASSWORD,)])
async def test_password_is_no_argument(committed_service: Service, given: tuple[str, ...]) -> None:
    """Every user of the machine can read the arguments of a process."""
    result = await run_on(committed_service, "create-admin", EMAIL, *given)
    assert result.exit_code == 2
