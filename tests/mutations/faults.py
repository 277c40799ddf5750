"""What holds when something else fails, or happens at once."""

from tests.mutations.mutation import ALL, Mutation

FAULTS = [
    Mutation(
        "writers begin as readers",
        "app/db/sqlite.py",
        """.get("sqlite_begin", "IMMEDIATE")""",
        """.get("sqlite_begin", "DEFERRED")""",
        "test_transactions",
    ),
    Mutation(
        "two migrators run at once",
        "app/db/postgres.py",
        """pg_advisory_xact_lock($1)", (MIGRATION_LOCK,)""",
        """pg_sleep(0.01 * $1 / $1)", (1,)""",
        "test_migrations",
        ALL,
    ),
    Mutation(
        "nothing is limited while Redis is away",
        "app/api/shared_limits.py",
        """return await self._fallback.acquire_sliding_window_entry(key, limit, expiry, amount)""",
        """return True""",
        "test_shared_limits",
        ALL,
    ),
    Mutation(
        "a worker reads pickled messages",
        "app/tasks/celery.py",
        """        accept_content=["json"],""",
        """        accept_content=["json", "pickle"],""",
        "test_celery_worker",
        ALL,
    ),
    Mutation(
        "a task is lost with its worker",
        "app/tasks/celery.py",
        """        task_acks_late=True,""",
        """        task_acks_late=False,""",
        "test_celery_worker",
        ALL,
    ),
]
