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
        "a deployed service makes a key for the day",
        "app/core/config.py.jinja",
        """    if not _development(info):
            raise ValueError("Set it to a random key of 32 bytes or more")""",
        """    if False:
            raise ValueError("Set it to a random key of 32 bytes or more")""",
        "test_wrong_settings",
    ),
    Mutation(
        "a wrong setting is told with its value",
        "app/core/config.py.jinja",
        """        hide_input_in_errors=True,""",
        """        hide_input_in_errors=False,""",
        "test_wrong_settings",
    ),
    Mutation(
        "errors of the database show the row",
        "app/db/sqlite.py",
        """        hide_parameters=True,""",
        """        hide_parameters=False,""",
        "test_conflicts test_problems",
    ),
    Mutation(
        "errors of PostgreSQL show the row",
        "app/db/postgres.py",
        """        error.__cause__.detail = None""",
        """        pass""",
        "test_conflicts test_problems test_postgres",
        ALL,
    ),
    Mutation(
        "a traceback shows local variables",
        "app/core/logging.py",
        """ExceptionDictTransformer(show_locals=False)""",
        """ExceptionDictTransformer(show_locals=True)""",
        "test_logging",
    ),
    Mutation(
        "a row prints all it holds",
        "app/db/base.py",
        """        return f"<{type(self).__name__} {key}>\"""",
        """        return f"<{type(self).__name__} {key} {vars(self)}>\"""",
        "test_database",
    ),
    Mutation(
        "a refresh token is stored as it is",
        "app/services/refresh_tokens.py",
        """            token_hash=hash_token(refresh_token),""",
        """            token_hash=refresh_token,""",
        "test_sessions",
    ),
    Mutation(
        "the name of an organization adds headers to a mail",
        "app/core/mail.py",
        """subject.replace(ENCODED_WORD, "= ?")""",
        """subject""",
        "test_mail",
    ),
]
