"""What must not be shown."""

from tests.mutations.mutation import ALL, Mutation

SECRETS = [
    Mutation(
        "a weak key is accepted",
        "app/core/setting_types.py",
        """    if len(key.encode()) < MIN_KEY_BYTES or len(set(key)) < MIN_KEY_CHARACTERS:""",
        """    if False:""",
        "test_wrong_settings",
    ),
    Mutation(
        "a deployed service generates a temporary secret key",
        "app/core/config.py.jinja",
        """    if not _development(info):
            raise ValueError("Set it to a random key of 32 bytes or more")""",
        """    if False:
            raise ValueError("Set it to a random key of 32 bytes or more")""",
        "test_wrong_settings",
    ),
    Mutation(
        "the error for a wrong setting shows its value",
        "app/core/config.py.jinja",
        """        hide_input_in_errors=True,""",
        """        hide_input_in_errors=False,""",
        "test_wrong_settings",
    ),
    Mutation(
        "database errors show the row",
        "app/db/sqlite.py",
        """        hide_parameters=True,""",
        """        hide_parameters=False,""",
        "test_conflicts test_problems",
    ),
    Mutation(
        "PostgreSQL errors show the row",
        "app/db/postgres.py",
        """        cause.detail = None""",
        """        pass""",
        "test_conflicts test_problems test_postgres",
        ALL,
    ),
    Mutation(
        "a traceback shows local variables",
        "app/core/logging.py",
        """ExceptionDictTransformer(show_locals=False)""",
        """ExceptionDictTransformer(show_locals=True)""",
        "test_app",
    ),
    Mutation(
        "the repr of a row shows all its values",
        "app/db/base.py",
        """        return f"<{type(self).__name__} {key}>\"""",
        """        return f"<{type(self).__name__} {key} {vars(self)}>\"""",
        "test_database",
    ),
    Mutation(
        "a refresh token is stored in plain text",
        "app/services/refresh_tokens.py",
        """            token_hash=hash_token(refresh_token),""",
        """            token_hash=refresh_token,""",
        "test_sessions",
    ),
    Mutation(
        "the name of an organization adds email headers",
        "app/core/mail.py",
        """subject.replace(ENCODED_WORD, "= ?")""",
        """subject""",
        "test_mail",
    ),
]
