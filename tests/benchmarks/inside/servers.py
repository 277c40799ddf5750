"""Script: run a rendering's private servers until the standard input ends.

Prints the settings that name them, in JSON, once they are ready. The argument is a folder.
"""

import json
import sys
from contextlib import ExitStack
from importlib.util import find_spec

settings = {"DATABASE_URL": f"sqlite+aiosqlite:///{sys.argv[1]}/benchmark.db"}
with ExitStack() as running:
    if find_spec("development") and find_spec("development.postgres"):
        from development.postgres import temporary_postgres

        settings["DATABASE_URL"] = running.enter_context(temporary_postgres())
    if find_spec("development") and find_spec("development.redis"):
        from development.redis import private_redis

        settings["REDIS_URL"] = running.enter_context(private_redis())
    print(json.dumps(settings), flush=True)
    sys.stdin.read()
