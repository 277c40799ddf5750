"""What holds when something else fails, or happens at once."""

from tests.mutations.mutation import ALL, Mutation

FAULTS = [
    Mutation(
        "writers begin as readers",
        "app/db/sqlite.py",
        """{"sqlite_begin": "IMMEDIATE"}""",
        """{"sqlite_begin": "DEFERRED"}""",
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
    Mutation(
        "a service is ready before its migrations",
        "app/db/migrations.py",
        """    return applied <= known and applied != newest""",
        """    return not applied""",
        "test_health",
    ),
    Mutation(
        "a service stops while the next release migrates",
        "app/db/migrations.py",
        """    return applied <= known and applied != newest""",
        """    return applied != newest""",
        "test_health",
    ),
    Mutation(
        "a server keeps its port while it ends",
        "app/cli/supervisor.py",
        """            listener.close()""",
        """            pass""",
        "test_serve_processes",
    ),
    Mutation(
        "a pooled connection that hangs is a defect",
        "app/db/postgres.py",
        """    _translate_pings(engine.sync_engine.dialect)""",
        """    pass""",
        "test_postgres_outage",
        ALL,
    ),
    Mutation(
        "a service is ready without its broker",
        "app/api/shared_broker.py",
        """        if own.REDIS_URL != settings.REDIS_URL:""",
        """        if False:""",
        "test_celery_broker",
        ALL,
    ),
    Mutation(
        "an outage of the database uses up quotas",
        "app/api/rate_limit.py",
        """            await self._database.check()""",
        """            ...""",
        "test_postgres_outage",
        ALL,
    ),
    Mutation(
        "processes that cannot start end as if all were well",
        "app/cli/supervisor.py",
        """                sys.exit(STARTUP_FAILURE)
            return
""",
        """                return
            return
""",
        "test_serve_processes",
    ),
]
