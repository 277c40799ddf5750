"""What browsers and proxies rely on."""

from tests.mutations.mutation import Mutation

HTTP = [
    Mutation(
        "every origin may send credentials",
        "app/core/setting_types.py",
        """    if value == "*":\n        raise ValueError("'*' is not allowed""",
        """    if value == "*":
        return value
        raise ValueError("'*' is not allowed""",
        "test_wrong_settings",
    ),
    Mutation(
        "unknown origins may call",
        "app/main.py.jinja",
        """allow_origins=settings.CORS_ORIGINS""",
        """allow_origin_regex=".*\"""",
        "test_http",
    ),
    Mutation(
        "every host name is accepted",
        "app/api/middleware.py",
        """        if not known and not path.startswith("/health"):""",
        """        if False:""",
        "test_http",
    ),
    Mutation(
        "responses lack the security headers",
        "app/api/request_context.py",
        """headers = self.headers | {""",
        """headers = {""",
        "test_http",
    ),
    Mutation(
        "responses with tokens are compressed",
        "app/api/middleware.py",
        """        if scope.get("method") == "GET":""",
        """        if scope["type"] == "http":""",
        "test_http",
    ),
    Mutation(
        "any request ID is logged",
        "app/api/request_context.py",
        """return given if REQUEST_ID.fullmatch(given) else str(uuid4())""",
        """return given or str(uuid4())""",
        "test_http",
    ),
    Mutation(
        "a path garbles the log",
        "app/api/request_context.py",
        """quote(scope["path"])""",
        """scope["path"]""",
        "test_problems",
    ),
    Mutation(
        "a 500 reveals its cause",
        "app/api/request_context.py",
        """problem_response(scope, 500, "Something went wrong on our side")""",
        """problem_response(scope, 500, str(error))""",
        "test_problems",
    ),
    Mutation(
        "a deployed service publishes its documentation",
        "app/core/config.py.jinja",
        """return not self.deployed if self.DOCS_ENABLED is None else self.DOCS_ENABLED""",
        """return True if self.DOCS_ENABLED is None else self.DOCS_ENABLED""",
        "test_app",
    ),
    Mutation(
        "a rejected preflight is not a problem document",
        "app/api/middleware.py",
        """response if response.status_code == 200 else _RefusedPreflight(response)""",
        """response""",
        "test_http",
    ),
    Mutation(
        "the first of two Host headers is trusted",
        "app/api/middleware.py",
        """        hosts = ",".join(Headers(scope=scope).getlist("host"))""",
        """        hosts = Headers(scope=scope).get("host", "")""",
        "test_http",
    ),
    Mutation(
        "the head of a request is unlimited",
        "app/server/protocol.py",
        """        if self._unparsed_bytes > MAX_HEAD_BYTES and""",
        """        if False and""",
        "test_served",
    ),
    Mutation(
        "invalid HTTP gets plain text",
        "app/server/options.py.jinja",
        """        "http": HttpProtocol,\n""",
        "",
        "test_served",
    ),
    Mutation(
        "the head of a request is unlimited if it arrives in one piece",
        "app/server/protocol.py",
        """        if len(self.url) + headers > MAX_HEAD_BYTES:""",
        """        if False:""",
        "test_served",
    ),
]
