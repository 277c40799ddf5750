"""API keys."""

from tests.mutations.mutation import Mutation

KEYS = [
    Mutation(
        "an API key is stored in plain text",
        "app/services/api_keys.py",
        """        key_hash=hash_token(secret),""",
        """        key_hash=secret,""",
        "test_api_keys",
    ),
    Mutation(
        "an expired key still works",
        "app/db/base.py",
        """in_time = self.expires_at is None or self.expires_at > utc_now()""",
        """in_time = True""",
        "test_api_keys",
    ),
    Mutation(
        "a read-only key can write",
        "app/api/callers.py",
        """caller.require(Scope.READ if request.method in SAFE_METHODS else Scope.WRITE)""",
        """pass""",
        "test_api_key_use",
    ),
    Mutation(
        "every key of an administrator has admin rights",
        "app/api/callers.py",
        """    caller.require(Scope.ADMIN)\n""",
        "",
        "test_api_key_use",
    ),
    Mutation(
        "a user gives a key more rights than their own",
        "app/services/api_keys.py",
        """    if Scope.ADMIN in body.scopes and user.role is not UserRole.ADMIN:""",
        """    if False:""",
        "test_api_key_use",
    ),
    Mutation(
        "a key creates other keys",
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
        "a key of an organization reads its user's account",
        "app/api/callers.py",
        """    if caller.key is not None and caller.key.organization_id is not None:""",
        """    if False:""",
        "test_access",
    ),
    Mutation(
        "anyone can revoke a key",
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
        "a key of an organization works again when its user rejoins",
        "app/services/memberships.py",
        """api_keys.revoke_all(session, member.user_id, organization_id=member.organization_id)""",
        """session.flush()""",
        "test_organization_api_keys",
    ),
]
