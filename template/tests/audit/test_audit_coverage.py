"""Every operation that changes something is noted in the audit log."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole, UserRole
from app.core.tokens import hash_token
from app.models import AuditEvent, Organization, User, UserSession
from app.models.one_time_token import Purpose
from app.services import one_time_tokens
from tests.support.factories import (
    PASSWORD,
    make_admin,
    make_invitation,
    make_member,
    make_organization,
    make_user,
)
from tests.support.operations import Ids, make_tenant, operations_of
from tests.support.service import Service, undone

UNNOTED = {
    "forgot_password",  # changes nothing: the mail's token does, when it is used
    "refresh",  # every few minutes, in a session whose start was noted
    "request_verification",  # changes nothing
}
TOKEN = "the-token-of-an-invitation"

BODIES: dict[str, Any] = {
    "accept_invitation": {"token": TOKEN},
    "change_password": {"current_password": PASSWORD, "new_password": "Another-Horse-8!"},
    "create_api_key": {"name": "CI"},
    "create_invitation": {"email": "guest@example.com"},
    "create_organization": {"name": "New", "slug": "new-one"},
    "create_organization_api_key": {"name": "CI"},
    "create_project": {"name": "New"},
    "create_user": {"email": "created@example.com", "name": "New", "password": PASSWORD},
    "delete_me": {"password": PASSWORD},
    "register": {"email": "registered@example.com", "name": "New", "password": PASSWORD},
    "request_email_change": {"email": "new@example.com", "password": PASSWORD},
    "update_me": {"name": "New"},
    "update_member": {"role": "admin"},
    "update_organization": {"name": "New"},
    "update_project": {"name": "New"},
    "update_user": {"is_active": False},
}
"""Where they do not depend on rows; a new operation that takes a body needs one here."""

TOKENS = {
    "confirm_email": Purpose.CHANGE_EMAIL,
    "reset_password": Purpose.RESET_PASSWORD,
    "verify_email": Purpose.VERIFY_EMAIL,
}


async def body_for(
    name: str, service: Service, session: AsyncSession, user: User, ids: Ids
) -> object:
    if name in TOKENS:
        email = "confirmed@example.com" if name == "confirm_email" else user.email
        _, token = await one_time_tokens.issue(session, user.id, TOKENS[name], email=email)
        await session.commit()
        return {"token": token} | ({"password": PASSWORD} if name == "reset_password" else {})
    if name == "login":
        return {"email": user.email, "password": PASSWORD}
    if name == "add_member":
        return {"user_id": str((await make_user(session)).id)}
    if name == "transfer_ownership":
        return {"user_id": str(ids["user_id"])}
    if name == "accept_invitation":
        other = await make_user(session)
        organization = await make_organization(session, other)
        await make_invitation(
            session, organization, other, email=user.email, token_hash=hash_token(TOKEN)
        )
    return BODIES.get(name)


async def make_powerful(session: AsyncSession) -> tuple[User, Ids]:
    """An administrator who owns an organization, is not the only one, and rules a member."""
    await make_admin(session)
    user, ids = await make_tenant(session)
    user.role = UserRole.ADMIN
    organization = await session.get_one(Organization, ids["organization_id"])
    ids["user_id"] = (await make_member(session, organization, MemberRole.VIEWER)).id
    return user, ids


async def test_every_change_is_noted(service: Service, session: AsyncSession) -> None:
    user, ids = await make_powerful(session)
    client = await service.sign_in(user)
    newest = select(UserSession.id).where(UserSession.user_id == user.id)
    ids["session_id"] = (await session.scalars(newest)).one()
    changing = {each.name: each for each in operations_of(service) if each.method != "GET"}
    count = select(func.count(AuditEvent.id))
    silent = []

    for name in sorted(changing.keys() - UNNOTED):
        async with undone(session):
            body = await body_for(name, service, session, user, ids)
            before = await session.scalar(count)
            response = await changing[name].call(client, ids, body)
            assert response.is_success, f"{name}: {response.text}"
            if await session.scalar(count) == before:
                silent.append(name)

    assert silent == []
