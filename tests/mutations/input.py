"""What is taken from a request."""

from tests.mutations.mutation import Mutation

INPUT = [
    Mutation(
        "a user sets fields that only the service may set",
        "app/schemas/common.py",
        """    model_config = ConfigDict(extra="forbid")""",
        """    model_config = ConfigDict(extra="ignore")""",
        "test_me test_auth",
    ),
    Mutation(
        "NUL is accepted in text",
        "app/schemas/strings.py",
        """    if any(unicodedata.category(char) == "Cc\"""",
        """    if any(False""",
        "test_projects test_me",
    ),
    Mutation(
        "NUL is accepted in the URL",
        "app/api/middleware.py",
        """re.compile("[\\0\\ufffd]")""",
        """re.compile("[\\ufffd]")""",
        "test_bodies test_users test_problems",
    ),
    Mutation(
        "the size of a body is unlimited",
        "app/api/middleware.py",
        """            if received > self.max_body_bytes:""",
        """            if False:""",
        "test_bodies",
    ),
    Mutation(
        "a wrong value is echoed",
        "app/api/errors.py",
        """            detail=problem["msg"].removeprefix("Value error, "),""",
        """            detail=f"{problem['msg']}: {problem['input']}",""",
        "test_problems",
    ),
    Mutation(
        "a search may use wildcards",
        "app/services/users.py",
        """User.name.icontains(search, autoescape=True)""",
        """User.name.icontains(search)""",
        "test_users",
    ),
    Mutation(
        "a page offset can exceed 64 bits",
        "app/api/paging.py",
        """Query(ge=1, le=10_000, description="Page number, starting at 1")""",
        """Query(ge=1, description="Page number, starting at 1")""",
        "test_users",
    ),
    Mutation(
        "control characters are accepted in a name",
        "app/schemas/strings.py",
        """    return _printable(value)\n\n\nComposed""",
        """    return value\n\n\nComposed""",
        "test_hostile_input",
    ),
    Mutation(
        "a hundred thousand wrong fields are all reported",
        "app/api/errors.py",
        """error.errors()[:MAX_REPORTED_ERRORS]""",
        """error.errors()""",
        "test_problems",
    ),
    Mutation(
        "a body of any media type is read as JSON",
        "app/main.py.jinja",
        """        redirect_slashes=False,""",
        """        redirect_slashes=False,\n        strict_content_type=False,""",
        "test_hostile_input",
    ),
    Mutation(
        "broken UTF-8 in a query is replaced",
        "app/api/middleware.py",
        """ or UNFIT.search(unquote_plus(query.decode("latin-1"))):""",
        """ or "%00" in query.decode("latin-1"):""",
        "test_hostile_input",
    ),
    Mutation(
        "mail programs read an address as another one",
        "app/schemas/strings.py",
        """and "=?" in email:""",
        """and False:""",
        "test_auth",
    ),
    Mutation(
        "a name has several lines",
        "app/schemas/strings.py",
        """(value and value.splitlines() != [value])""",
        """"\\n" in value""",
        "test_organizations",
    ),
]
