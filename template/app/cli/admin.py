"""`create-admin`: create the first administrator; over HTTP, only an administrator can."""

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.core.config import Settings
    from app.schemas.user import UserCreate


def printable(text: str) -> str:
    """Reject control characters, and bytes that are not UTF-8, which arrive as lone surrogates."""
    if not text.isprintable():
        raise typer.BadParameter("Use UTF-8 without control characters.")
    return text


def create_admin(
    email: Annotated[str, typer.Argument(help="The administrator's email.", callback=printable)],
    name: Annotated[str, typer.Option(help="Display name.")] = "Administrator",
    promote: Annotated[
        bool, typer.Option("--promote", help="Promote the existing user with this email.")
    ] = False,
) -> None:
    """Create an administrator. Asks for the password, or reads it from ADMIN_PASSWORD."""
    from app.cli.errors import readable_errors
    from app.cli.project import project

    with project() as settings, readable_errors():
        if promote:
            asyncio.run(_promote(settings, email))
        else:
            asyncio.run(_create(settings, _new_admin(email, name)))
    typer.echo(f"{email} is an administrator.")


def _new_admin(email: str, name: str) -> "UserCreate":
    from pydantic import ValidationError

    from app.core.roles import UserRole
    from app.core.setting_types import sentences
    from app.schemas.user import UserCreate

    password = os.environ.get("ADMIN_PASSWORD") or typer.prompt(
        "Password", hide_input=True, confirmation_prompt=True
    )
    admin = {"email": email, "name": name, "password": password, "role": UserRole.ADMIN}
    try:
        return UserCreate.model_validate(admin)
    except ValidationError as error:
        raise SystemExit(sentences(error)) from None


async def _create(settings: "Settings", admin: "UserCreate") -> None:
    from app.core.errors import Conflict
    from app.core.passwords import Passwords
    from app.db.session import open_database
    from app.services import users

    async with open_database(settings) as database, database.write.begin() as session:
        if await users.find_by_email(session, admin.email):
            raise Conflict(f"{admin.email} is already registered: add --promote.")
        new = users.NewUser(
            email=admin.email,
            name=admin.name,
            password=admin.password,
            role=admin.role,
            verified=True,
        )
        await users.create(session, Passwords(settings), new)


async def _promote(settings: "Settings", email: str) -> None:
    from app.core.errors import NotFound
    from app.core.roles import UserRole
    from app.db.session import open_database
    from app.schemas.user import UserUpdate
    from app.services import users

    async with open_database(settings) as database, database.write.begin() as session:
        user = await users.find_by_email(session, email)
        if user is None:
            raise NotFound(f"No user is registered as {email}: omit --promote.")
        await users.update(session, user.id, UserUpdate(role=UserRole.ADMIN, is_active=True))
