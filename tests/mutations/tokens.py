"""Signed access tokens."""

from tests.mutations.mutation import Mutation

TOKENS = [
    Mutation(
        "a token of another type is accepted",
        "app/core/tokens.py",
        """decoded["header"].get("typ") != ACCESS_TYPE or payload["type"] != "access\"""",
        """decoded["header"].get("typ") != ACCESS_TYPE""",
        "test_tokens",
    ),
    Mutation(
        "a token with another header `typ` is accepted",
        "app/core/tokens.py",
        """decoded["header"].get("typ") != ACCESS_TYPE or payload["type"] != "access\"""",
        """payload["type"] != "access\"""",
        "test_tokens",
    ),
    Mutation(
        "a token for another audience is accepted",
        "app/core/tokens.py",
        """        options={"require": CLAIMS},""",
        """        options={"require": CLAIMS, "verify_aud": False},""",
        "test_tokens",
    ),
    Mutation(
        "a token of another issuer is accepted",
        "app/core/tokens.py",
        """        issuer=settings.JWT_ISSUER,\n""",
        "",
        "test_tokens",
    ),
    Mutation(
        "an expired token is accepted",
        "app/core/tokens.py",
        """        options={"require": CLAIMS},""",
        """        options={"require": CLAIMS, "verify_exp": False},""",
        "test_tokens",
    ),
    Mutation(
        "the token chooses its algorithm",
        "app/core/tokens.py",
        """algorithms=[settings.ALGORITHM]""",
        """algorithms=["HS256", "HS384", "HS512"]""",
        "test_tokens",
    ),
    Mutation(
        "a token may lack claims",
        "app/core/tokens.py",
        """        options={"require": CLAIMS},\n""",
        "",
        "test_tokens",
    ),
    Mutation(
        "a token may name another user's session",
        "app/services/auth.py",
        """Login.id == bindparam("login_id"), User.id == bindparam("user_id"))""",
        """Login.id == bindparam("login_id"))""",
        "test_tokens",
    ),
]
