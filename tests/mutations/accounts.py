"""Accounts: mailed tokens, and what a stolen access token alone must not do."""

from tests.mutations.mutation import ALL, Mutation

ACCOUNTS = [
    Mutation(
        "a mailed token can be used again",
        "app/services/one_time_tokens.py",
        """        .where(OneTimeToken.id == row.id, OneTimeToken.used_at.is_(None))""",
        """        .where(OneTimeToken.id == row.id)""",
        "test_password_reset",
        also=(
            (
                """            OneTimeToken.used_at.is_(None),
            OneTimeToken.expires_at""",
                """            OneTimeToken.expires_at""",
            ),
        ),
    ),
    Mutation(
        "a mailed token can be used twice at once",
        "app/services/one_time_tokens.py",
        """        .where(OneTimeToken.id == row.id, OneTimeToken.used_at.is_(None))""",
        """        .where(OneTimeToken.id == row.id)""",
        "test_email_verification",
        ALL,
    ),
    Mutation(
        "a mailed token never expires",
        "app/services/one_time_tokens.py",
        """            OneTimeToken.expires_at > utc_now(),\n""",
        "",
        "test_password_reset",
    ),
    Mutation(
        "a token to verify an address sets a password",
        "app/services/one_time_tokens.py",
        """ & (OneTimeToken.purpose == purpose)""",
        "",
        "test_password_reset",
    ),
    Mutation(
        "a token mailed to a former address still works",
        "app/services/one_time_tokens.py",
        """(row.email != row.user.email and""",
        """(False and""",
        "test_password_reset",
    ),
    Mutation(
        "a mailed token is stored in plain text",
        "app/services/one_time_tokens.py",
        """        token_hash=hash_token(token),""",
        """        token_hash=token,""",
        "test_password_reset",
    ),
    Mutation(
        "a new password does not end the sessions",
        "app/services/passwords.py",
        """    await logins.revoke_all(session, user.id, keep=keep)\n""",
        "",
        "test_password_reset test_password_change",
    ),
    Mutation(
        "a new password does not cancel a pending address change",
        "app/services/passwords.py",
        """Purpose.RESET_PASSWORD, Purpose.CHANGE_EMAIL)""",
        """Purpose.RESET_PASSWORD)""",
        "test_email_change",
    ),
    Mutation(
        "a password reset reveals whether an account exists",
        "app/api/v1/auth.py",
        """    queue.enqueue(send_password_reset_email, str(user.id if user else uuid4()))""",
        """    if user:
        queue.enqueue(send_password_reset_email, str(user.id))""",
        "test_password_reset",
    ),
    Mutation(
        "anyone can flood a mailbox",
        "app/api/v1/auth.py",
        """    await resources.limiter.count_mail("reset", body.email)""",
        "",
        "test_password_reset",
    ),
    Mutation(
        "a stolen access token changes the password",
        "app/services/auth.py",
        """    if not matches:\n""",
        """    if False:\n""",
        "test_password_change",
    ),
    Mutation(
        "a stolen access token guesses the password",
        "app/api/callers.py",
        """        await limiter.count(Policy.PASSWORD, account)""",
        """        pass""",
        "test_password_change",
    ),
    Mutation(
        "a stolen access token deletes the account",
        "app/services/auth.py",
        """    if not matches:\n""",
        """    if False:\n""",
        "test_me",
    ),
    Mutation(
        "the reader of the old address stays logged in",
        "app/services/email_addresses.py",
        """    await logins.revoke_all(session, user.id)\n""",
        "",
        "test_email_change",
    ),
    Mutation(
        "registering reveals whether an account exists",
        "app/api/v1/auth.py",
        """users.register(db, resources.passwords, new, enumeration_safe=safe)""",
        """users.register(db, resources.passwords, new, enumeration_safe=False)""",
        "test_auth",
    ),
    Mutation(
        "a user logs in without a verified address",
        "app/services/auth.py",
        """    if only_verified and user.email_verified_at is None:""",
        """    if False:""",
        "test_email_verification",
    ),
    Mutation(
        "a user ends another user's session",
        "app/services/logins.py",
        """    mine = (Login.user_id == user_id) & (Login.id == login_id)""",
        """    mine = Login.id == login_id""",
        "test_sessions",
    ),
]
