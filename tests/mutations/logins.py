"""Passwords, and how often one may be tried."""

from tests.mutations.mutation import Mutation

LOGINS = [
    Mutation(
        "an unknown email is rejected without hashing",
        "app/core/passwords.py",
        """
        return await self._in_thread(lambda: self._verify(password, hashed or self._dummy))""",
        """
        if hashed is None:
            return False, None
        return await self._in_thread(lambda: self._verify(password, hashed))""",
        "test_passwords",
    ),
    Mutation(
        "an unknown email is rejected sooner because its hash has other parameters",
        "app/core/passwords.py",
        """self._dummy = self._argon2.hash(""",
        """self._dummy = PasswordHash((Argon2Hasher(),)).hash(""",
        "test_passwords",
    ),
    Mutation(
        "a deployed service hashes as cheaply as its tests",
        "app/core/passwords.py",
        """Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1)""",
        """Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)""",
        "test_passwords",
    ),
    Mutation(
        "login failures are counted after the password check",
        "app/api/v1/auth.py",
        """    await limiter.count(Policy.LOGIN_FAILURES, account)\n""",
        "",
        "test_login_failures",
    ),
    Mutation(
        "each spelling of an email has its own failure count",
        "app/api/v1/auth.py",
        """account = normalize_email(body.email)""",
        """account = body.email""",
        "test_login_failures",
    ),
    Mutation(
        "a wrong password reveals that the account is inactive",
        "app/services/auth.py",
        """    if user is None:
        raise Unauthorized""",
        """    if user is None and user_id:
        found = await users.get(session, user_id)
        user = None if found.is_active else found
    if user is None:
        raise Unauthorized""",
        "test_auth",
    ),
    Mutation(
        "a caller has no overall quota",
        "app/api/routing.py",
        """            await limit_caller(request)\n""",
        "",
        "test_rate_limit",
    ),
    Mutation(
        "an address has no login quota",
        "app/api/v1/auth.py",
        """dependencies=[Depends(limit_address(Policy.LOGIN))]""",
        """dependencies=[]""",
        "test_rate_limit",
    ),
    Mutation(
        "each address of an IPv6 network has its own quota",
        "app/api/address.py",
        """IPv6Address(int(address) >> 64 << 64)""",
        """address""",
        "test_rate_limit",
    ),
    Mutation(
        "any client can choose its address by X-Forwarded-For",
        "app/server/options.py.jinja",
        """        "proxy_headers": bool(settings.FORWARDED_ALLOW_IPS),""",
        """        "proxy_headers": True,""",
        "test_dev",
        also=(
            (
                """        "forwarded_allow_ips": list(settings.FORWARDED_ALLOW_IPS),""",
                """        "forwarded_allow_ips": "*",""",
            ),
        ),
    ),
    Mutation(
        "a common password is accepted",
        "app/core/passwords.py",
        """if few or common:""",
        """if few:""",
        "test_passwords",
    ),
    Mutation(
        "hashing uses one thread per login",
        "app/core/passwords.py",
        """if self._waiting >= MAX_WAITING:""",
        """if False:""",
        "test_passwords",
    ),
]
