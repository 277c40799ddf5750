"""API keys."""

from tests.mutations.mutation import Mutation

KEYS = [
    Mutation(
        "a key is stored as it is",
        "app/services/api_keys.py",
        """        key_hash=hash_token(secret),""",
        """        key_hash=secret,""",
        "test_api_keys",
    ),
    Mutation(
        "a key that expired goes on",
        "app/db/base.py",
        """in_time = self.expires_at is None or self.expires_at > utc_now()""",
        """in_time = True""",
        "test_api_keys",
    ),
    Mutation(
        "a key to read also writes",
        "app/api/callers.py",
        """caller.require(Scope.READ if request.method in SAFE_METHODS else Scope.WRITE)""",
        """pass""",
        "test_api_key_scopes",
    ),
    Mutation(
        "every key of an administrator is one",
        "app/api/callers.py",
        """    caller.require(Scope.ADMIN)\n""",
        "",
        "test_api_key_scopes",
    ),
    Mutation(
        "a user gives a key more rights than their own",
        "app/services/api_keys.py",
        """    if Scope.ADMIN in body.scopes and user.role is not UserRole.ADMIN:""",
        """    if False:""",
        "test_api_key_scopes",
    ),
    Mutation(
        "a key makes other keys",
        "app/api/callers.py",
        """    if caller.key is not None:
        raise Forbidden(NEEDS_LOGIN)""",
        """    if False:
        raise Forbidden(NEEDS_LOGIN)""",
        "test_access",
    ),
    Mutation(
        "a key of one organization opens the others",
        "app/services/auth.py",
        """return self.key is None or self.key.organization_id in {None, organization_id}""",
        """return True""",
        "test_access",
    ),
    Mutation(
        "a key of an organization opens the account of its maker",
        "app/api/callers.py",
        """    if caller.key is not None and caller.key.organization_id is not None:""",
        """    if False:""",
        "test_access",
    ),
    Mutation(
        "anybody revokes a key",
        "app/services/api_keys.py",
        """_revoke(session, whose, ApiKey.id == key_id)""",
        """_revoke(session, ApiKey.id == key_id)""",
        "test_api_keys",
    ),
    Mutation(
        "a key changes the profile of its user",
        "app/api/v1/me.py",
        """async def update_me(db: DB, user: SessionUser,""",
        """async def update_me(db: DB, user: CurrentUser,""",
        "test_access",
    ),
    Mutation(
        "a key of an organization comes back with its user",
        "app/services/memberships.py",
        """api_keys.revoke_all(session, member.user_id, organization_id=member.organization_id)""",
        """session.flush()""",
        "test_organization_api_keys",
    ),
]
