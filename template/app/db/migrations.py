"""Whether the database has got every migration that this code needs."""

from functools import cache
from pathlib import Path

from app.core.paths import ROOT


def are_pending(applied: set[str]) -> bool:
    """A revision that this code does not know is of a newer release, beside which it goes on."""
    known, newest = _revisions(ROOT)
    return applied <= known and applied != newest


@cache
def _revisions(root: Path) -> tuple[frozenset[str], frozenset[str]]:
    # Imported late: a service starts a fifth faster without it.
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(Config(toml_file=root / "pyproject.toml"))
    known = frozenset(migration.revision for migration in script.walk_revisions())
    return known, frozenset(script.get_heads())
