"""The operations of the API, and a tenant whose rows their paths and bodies refer to."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.roles import MemberRole, UserRole
from app.core.tokens import hash_token
from app.models import Organization, User
from app.models.one_time_token import Purpose
from tests.support import own
from tests.support.catalogue import CATALOGUE, Caller, Entry, Values
from tests.support.examples import Schema, example, resolve
from tests.support.factories import (
    make_admin,
    make_api_key,
    make_invitation,
    make_member,
    make_one_time_token,
    make_organization,
    make_project,
    make_user,
)
from tests.support.service import Service

ENTRIES: dict[str, Entry] = CATALOGUE | own.CATALOGUE


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    document: Schema
    """The OpenAPI document of the whole API."""

    @property
    def described(self) -> Schema:
        described: Schema = self.document["paths"].get(self.path, {}).get(self.method.lower(), {})
        return described

    @property
    def entry(self) -> Entry:
        return ENTRIES.get(self.name, Entry(Caller.USER))  # one test fails if it is missing

    @property
    def query(self) -> list[str]:
        return [
            each["name"] for each in self.described.get("parameters", []) if each["in"] == "query"
        ]

    @property
    def fields(self) -> dict[str, Schema]:
        """The fields of the request body."""
        content = self.described.get("requestBody", {}).get("content", {})
        body = resolve(self.document, next(iter(content.values()))["schema"]) if content else {}
        fields = body.get("properties", {})
        return {name: resolve(self.document, field) for name, field in fields.items()}

    def body(self, values: Values) -> dict[str, Any] | None:
        """Return a valid body. A UUID is the value of that name, if there is one."""
        body = {name: example(self.document, field) for name, field in self.fields.items()}
        for name in body.keys() & values.keys():
            if self.fields[name].get("format") == "uuid":
                body[name] = str(values[name])
        for name, value in self.entry.body.items():
            body[name] = value.format(**values) if isinstance(value, str) else value
        return body or None

    async def call(self, client: AsyncClient, values: Values, body: object = None) -> Response:
        missing = set(re.findall(r"{(\w+)}", self.path)) - values.keys()
        assert not missing, f"{self.name}: make {missing} in `values_for`, tests/support/own.py"
        return await client.request(self.method, self.path.format(**values), json=body)

    async def succeed(self, client: AsyncClient, values: Values) -> Response:
        """Call it with a valid body."""
        response = await self.call(client, values, self.body(values))
        if response.status_code == 422:
            errors = response.json().get("errors", [])
            fields = ", ".join(f"`{error['field']}` ({error['detail']})" for error in errors)
            pytest.fail(
                f"{self.name} rejects the body made from its schema: give valid `examples` to "
                f"{fields or response.text}, or a `body` to its entry in tests/support/own.py"
            )
        assert response.is_success, f"{self.name}: {response.text}"
        return response


def operations_of(service: Service) -> list[Operation]:
    """Return every route below the API's prefix, even if the OpenAPI document leaves it out."""
    document = service.app.openapi()
    return [
        Operation(str(route.name), method, str(route.path), document)
        for route in iter_route_contexts(service.app.routes)
        if isinstance(route.original_route, APIRoute)
        and str(route.path).startswith(service.settings.API_V1_PREFIX)
        for method in sorted(route.methods or ())
    ]


async def make_tenant(
    session: AsyncSession, *, role: MemberRole = MemberRole.OWNER
) -> tuple[User, Values]:
    """Make a user with this role in a new organization, and a value for each path parameter."""
    organization = await make_organization(session, await make_user(session))
    user = await make_member(session, organization, role)
    project = await make_project(session, organization)
    invitation = await make_invitation(session, organization, user)
    key, _ = await make_api_key(session, user, organization=organization)
    values = await own.values_for(session, organization)
    return user, values | {
        "invitation_id": invitation.id,
        "key_id": key.id,
        "organization_id": organization.id,
        "project_id": project.id,
        "session_id": uuid4(),
        "slug": organization.slug,
        "user_id": user.id,
    }


async def make_superuser(service: Service, session: AsyncSession) -> tuple[AsyncClient, Values]:
    """Sign in an admin who owns an organization, and make every row a body may refer to."""
    await make_admin(session)  # the last admin cannot be deleted
    user, values = await make_tenant(session)
    user.role = UserRole.ADMIN
    user.email = user.email_normalized = "ada@example.com"
    client = await service.sign_in(user)
    organization = await session.get_one(Organization, values["organization_id"])
    sessions = await client.get("/api/v1/users/me/sessions")
    values["session_id"] = sessions.json()["data"][0]["id"]
    values["user_id"] = (await make_member(session, organization, MemberRole.VIEWER)).id
    values["new_user_id"] = (await make_user(session)).id
    for purpose in Purpose:
        email = "new@example.com" if purpose is Purpose.CHANGE_EMAIL else user.email
        values[f"{purpose}_token"] = await make_one_time_token(session, user, purpose, email)
    owner = await make_user(session)
    other = await make_organization(session, owner)
    values["invitation_token"] = "the-token-of-an-invitation"
    token_hash = hash_token("the-token-of-an-invitation")
    await make_invitation(session, other, owner, email=user.email, token_hash=token_hash)
    return client, values
