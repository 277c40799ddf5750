"""What browsers and proxies rely on."""

from tests.mutations.mutation import Mutation

HTTP = [
    Mutation(
        "every origin may call with credentials",
        "app/core/setting_types.py",
        """    if value == "*":\n        raise ValueError("'*' is not allowed""",
        """    if value == "*":\n        return value\n        raise ValueError("'*' is not allowed""",
        "test_wrong_settings",
    ),
    Mutation(
        "other origins may call",
        "app/main.py.jinja",
        """allow_origins=settings.CORS_ORIGINS""",
        """allow_origin_regex=".*\"""",
        "test_cors",
    ),
    Mutation(
        "every host name is answered",
        "app/api/middleware.py",
        """        if not known and not path.startswith("/health"):""",
        """        if False:""",
        "test_http",
    ),
    Mutation(
        "answers lack the security headers",
        "app/api/middleware.py",
        """                    headers.setdefault(name, value)""",
        """                    pass""",
        "test_http",
    ),
    Mutation(
        "answers with tokens are compressed",
        "app/api/middleware.py",
        """        if scope.get("method") == "GET":""",
        """        if scope["type"] == "http":""",
        "test_http",
    ),
    Mutation(
        "any request id is taken into the log",
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
        "a defect tells what it was",
        "app/api/request_context.py",
        """problem_response(scope, 500, "Something went wrong on our side")""",
        """problem_response(scope, 500, str(error))""",
        "test_problems",
    ),
    Mutation(
        "a deployed service shows its documentation",
        "app/core/config.py.jinja",
        """return not self.deployed if self.DOCS_ENABLED is None else self.DOCS_ENABLED""",
        """return True if self.DOCS_ENABLED is None else self.DOCS_ENABLED""",
        "test_app",
    ),
    Mutation(
        "a refused preflight is no problem document",
        "app/api/middleware.py",
        """response if response.status_code == 200 else _RefusedPreflight(response)""",
        """response""",
        "test_cors",
    ),
    Mutation(
        "of two host names the first is believed",
        "app/api/middleware.py",
        """        hosts = ",".join(Headers(scope=scope).getlist("host"))""",
        """        hosts = Headers(scope=scope).get("host", "")""",
        "test_http",
    ),
    Mutation(
        "the head of a request has no limit",
        "app/server/protocol.py",
        """        if self._unparsed_bytes > MAX_HEAD_BYTES and""",
        """        if False and""",
        "test_served",
    ),
    Mutation(
        "what is no HTTP is answered in plain text",
        "app/server/options.py.jinja",
        """        "http": HttpProtocol,\n""",
        "",
        "test_served",
    ),
    Mutation(
        "the head of a request has no limit if it arrives in one piece",
        "app/server/protocol.py",
        """        if len(self.url) + headers > MAX_HEAD_BYTES:""",
        """        if False:""",
        "test_served",
    ),
]
