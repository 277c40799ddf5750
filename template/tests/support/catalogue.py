"""The template's operations: who may call each. Your own operations are in `own.py`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.core.roles import MemberRole

Values = dict[str, str | UUID]
"""What a path or a request body may refer to, by name."""


class Caller(StrEnum):
    ANYBODY = "anybody"
    USER = "user"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class Entry:
    """What the tests know of an operation, apart from what the OpenAPI document says."""

    caller: Caller | MemberRole
    """Who may call it. A role is the least one, in the organization that the path names."""
    body: dict[str, Any] = field(default_factory=dict)
    """What to send in place of the examples in the schema. `{name}` is replaced by that value."""
    audited: bool = True
    """Whether the audit log records its changes."""
    keyed: bool = True
    """Whether it takes an `Idempotency-Key`, if it creates something."""
    needs_login: bool = False
    """Whether it rejects API keys. Operations on the account and on keys always do."""


ANYBODY, USER, ADMINISTRATOR = Caller
OWNER, ADMIN, MEMBER, VIEWER = MemberRole
NEW = {"email": "new@example.com"}

CATALOGUE = {
    "accept_invitation": Entry(USER, body={"token": "{invitation_token}"}),
    "add_member": Entry(ADMIN, body={"user_id": "{new_user_id}"}),
    "change_password": Entry(USER, body={"new_password": "Another-Horse-8!"}),
    "confirm_email": Entry(ANYBODY, body={"token": "{change_email_token}"}),
    "create_api_key": Entry(USER, keyed=False),  # the response holds a secret: it is not stored
    "create_invitation": Entry(ADMIN, body=NEW),
    "create_organization": Entry(USER),
    "create_organization_api_key": Entry(ADMIN, keyed=False),
    "create_project": Entry(MEMBER),
    "create_user": Entry(ADMINISTRATOR, body=NEW),
    "delete_me": Entry(USER),
    "delete_organization": Entry(OWNER, needs_login=True),
    "delete_project": Entry(ADMIN),
    "delete_user": Entry(ADMINISTRATOR),
    "forgot_password": Entry(ANYBODY, audited=False),  # the token changes something, when used
    "leave_organization": Entry(VIEWER),
    "list_api_keys": Entry(USER),
    "list_invitations": Entry(ADMIN),
    "list_members": Entry(VIEWER),
    "list_organization_api_keys": Entry(ADMIN),
    "list_organizations": Entry(USER),
    "list_projects": Entry(VIEWER),
    "list_sessions": Entry(USER),
    "list_users": Entry(ADMINISTRATOR),
    "login": Entry(ANYBODY),
    "logout": Entry(USER),
    "logout_all": Entry(USER),
    "read_audit_log": Entry(ADMINISTRATOR),
    "read_me": Entry(USER),
    "read_organization": Entry(VIEWER),
    "read_organization_audit_log": Entry(ADMIN),
    "read_project": Entry(VIEWER),
    "read_user": Entry(ADMINISTRATOR),
    "refresh": Entry(ANYBODY, audited=False),  # every few minutes
    "register": Entry(ANYBODY, body=NEW),
    "remove_member": Entry(VIEWER),  # yourself; others as the ranks allow
    "request_email_change": Entry(USER, body=NEW),
    "request_verification": Entry(USER, audited=False),
    "reset_password": Entry(ANYBODY, body={"token": "{reset_password_token}"}),
    "revoke_api_key": Entry(USER),
    "revoke_invitation": Entry(ADMIN),
    "revoke_organization_api_key": Entry(ADMIN),
    "revoke_session": Entry(USER),
    "transfer_ownership": Entry(OWNER, needs_login=True),
    "update_me": Entry(USER),
    "update_member": Entry(ADMIN),
    "update_organization": Entry(ADMIN),
    "update_project": Entry(MEMBER),
    "update_user": Entry(ADMINISTRATOR, body={"is_active": False}),
    "verify_email": Entry(ANYBODY, body={"token": "{verify_email_token}"}),
}
