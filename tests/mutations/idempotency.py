"""The header `Idempotency-Key`."""

from tests.mutations.mutation import Mutation

IDEMPOTENCY = [
    Mutation(
        "a different request gets the first response",
        "app/services/idempotency.py",
        """    raise KeyReused\n""",
        """    return stored\n""",
        "test_idempotency",
    ),
    Mutation(
        "a user gets another user's response",
        "app/services/idempotency.py",
        """and_(IdempotencyKey.caller == request.caller, IdempotencyKey.key == request.key)""",
        """and_(IdempotencyKey.key == request.key)""",
        "test_idempotency",
    ),
    Mutation(
        "a stored request can be used to guess passwords",
        "app/services/idempotency.py",
        """hmac.digest(secret.get_secret_value().encode(), content, "sha256")""",
        """hmac.digest(b"", content, "sha256")""",
        "test_idempotency_keys",
    ),
    Mutation(
        "a response is kept permanently",
        "app/services/idempotency.py",
        """_has_key(request), IdempotencyKey.expires_at > utc_now())""",
        """_has_key(request))""",
        "test_idempotency_keys",
    ),
]
