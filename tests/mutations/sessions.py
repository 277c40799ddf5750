"""Sessions and their refresh tokens."""

from tests.mutations.mutation import ALL, Mutation

SESSIONS = [
    Mutation(
        "a revoked session still works",
        "app/db/base.py",
        """return in_time and self.revoked_at is None""",
        """return in_time""",
        "test_sessions",
    ),
    Mutation(
        "an inactive user keeps access",
        "app/services/auth.py",
        """if credential is not None and not credential.user.is_active:""",
        """if credential is not None and False:""",
        "test_sessions test_administrators",
    ),
    Mutation(
        "a spent refresh token can be used again",
        "app/services/refresh_tokens.py",
        """    if not first_use and (token.used_at is None""",
        """    if False and (token.used_at is None""",
        "test_token_reuse",
    ),
    Mutation(
        "a lost refresh response can be repeated at any time",
        "app/services/refresh_tokens.py",
        """token.used_at + GRACE <= utc_now()""",
        """False""",
        "test_token_reuse",
    ),
    Mutation(
        "a token may be retried although its successor is in use",
        "app/services/refresh_tokens.py",
        """return bool(await session.scalar(IS_OTHER_USED, which))""",
        """return False""",
        "test_token_reuse",
    ),
    Mutation(
        "revoking a stolen session is rolled back with the error",
        "app/services/logins.py",
        """        await session.commit()\n        raise InvalidToken""",
        """        raise InvalidToken""",
        "test_token_reuse",
    ),
    Mutation(
        "a refresh token does not end with its session",
        "app/services/refresh_tokens.py",
        """not (login.alive and login.user.enabled):""",
        """not login.user.enabled:""",
        "test_sessions",
    ),
    Mutation(
        "a change of rights does not end the sessions",
        "app/services/users.py",
        """    if session.is_modified(user):
        await logins.revoke_all(session, user.id)
""",
        "",
        "test_administrators",
    ),
    Mutation(
        "a session is ended twice",
        "app/services/logins.py",
        """.order_by(Login.id).with_for_update()""",
        "",
        "test_transactions",
        ALL,
    ),
]
