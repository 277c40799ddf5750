"""Check whether the database has every migration that this code needs."""

from functools import cache
from pathlib import Path

from app.core.paths import ROOT


def are_pending(applied: set[str]) -> bool:
    """Return False for an unknown revision, which a newer but compatible release has applied."""
    known, newest = _revisions(ROOT)
    return applied <= known and applied != newest


@cache
def _revisions(root: Path) -> tuple[frozenset[str], frozenset[str]]:
    # Imported late, because a service starts a fifth faster without it.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(Config(toml_file=root / "pyproject.toml"))
    known = frozenset(migration.revision for migration in script.walk_revisions())
    return known, frozenset(script.get_heads())
