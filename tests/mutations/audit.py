"""The audit log."""

from tests.mutations.mutation import ALL, Mutation

AUDIT = [
    Mutation(
        "an event can be changed",
        "app/db/sqlite.py",
        """        for change in ("UPDATE", "DELETE")""",
        """        for change in ("DELETE",)""",
        "test_audit",
    ),
    Mutation(
        "an event can be deleted",
        "app/db/sqlite.py",
        """        for change in ("UPDATE", "DELETE")""",
        """        for change in ("UPDATE",)""",
        "test_audit",
    ),
    Mutation(
        "an event can be changed in PostgreSQL",
        "app/db/postgres.py",
        """BEFORE UPDATE OR DELETE OR TRUNCATE""",
        """BEFORE DELETE OR TRUNCATE""",
        "test_audit",
        ALL,
    ),
    Mutation(
        "events can be truncated in PostgreSQL",
        "app/db/postgres.py",
        """BEFORE UPDATE OR DELETE OR TRUNCATE""",
        """BEFORE UPDATE OR DELETE""",
        "test_postgres",
        ALL,
    ),
    Mutation(
        "a member reads the log",
        "app/api/v1/audit.py",
        """    access: AdminAccess,""",
        """    access: ViewerAccess,""",
        "test_access",
        also=(("import AdminAccess", "import ViewerAccess"),),
    ),
    Mutation(
        "an organization reads the events of others",
        "app/api/v1/audit.py",
        """        organization_id=access.organization_id,\n""",
        "",
        "test_audit",
    ),
    Mutation(
        "the audit log records personal data",
        "app/services/audit.py",
        """ if name in VALUES else None""",
        "",
        "test_audit",
    ),
]
