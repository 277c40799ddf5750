"""Helpers to read a rendered project and to run git in it."""

import subprocess
from pathlib import Path


def files_of(project: Path) -> list[Path]:
    """Return every file except git's own, sorted by path."""
    return sorted(
        path
        for path in project.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(project).parts
    )


def contents_of(project: Path) -> dict[str, bytes]:
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files_of(project)}


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def commit(repository: Path, message: str = "Change") -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", message)
