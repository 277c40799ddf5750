"""`copier update` applies the template's changes and keeps the user's."""

import re
import subprocess
import sys
from pathlib import Path

import copier
import pytest

from tests.combinations import QUESTIONS, VALID, Answer
from tests.conftest import Render, Rendered
from tests.files import commit, contents_of, files_of, git
from tests.test_refusals import SENTENCE

SWITCHES = [name for name, answers in QUESTIONS.items() if True in answers]
ALL_ON: dict[str, Answer] = dict.fromkeys(SWITCHES, True)
ALL_OFF: dict[str, Answer] = dict.fromkeys(SWITCHES, False)
SEAM = re.compile(r"^( *)(\S+) (Your own [^\n]* below this line\.)(.*)$", re.MULTILINE)


@pytest.fixture
def template(copier_template: Path, tmp_path: Path) -> Path:
    """The template in a repository of its own, released as 1.0.0."""
    clone = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(copier_template), str(clone))
    git(clone, "tag", "--delete", "99.99.99")
    git(clone, "tag", "1.0.0")
    return clone


@pytest.fixture
def project(template: Path, render: Render, tmp_path: Path) -> Path:
    """A service rendered from 1.0.0 and committed, as the message after the copy says."""
    return start(render(tmp_path / "myapp", template))


def start(project: Path) -> Path:
    git(project, "init", "--quiet")
    commit(project)
    return project


def write_at_the_seams(project: Path) -> int:
    """Add a line below each "Your own ... below this line."; return how many there are."""
    seams = 0
    for path in files_of(project):
        text, found = SEAM.subn(r"\g<0>\n\1\2 The user's.\4", path.read_text())
        path.write_text(text)
        seams += found
    commit(project)
    assert seams > 0
    return seams


def release(template: Path, version: str) -> None:
    commit(template)
    git(template, "tag", version)


def update(project: Path, **answers: Answer) -> None:
    """Update to the newest release; with answers, apply them within the current one."""
    copier.run_update(
        project,
        data=answers,
        vcs_ref=copier.VcsRef.CURRENT if answers else None,
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=False,
    )


def test_update_to_the_same_version_changes_nothing(project: Path) -> None:
    update(project)
    assert git(project, "status", "--porcelain") == ""


def test_database_can_be_changed_and_changed_back(project: Path) -> None:
    sqlite = contents_of(project)
    update(project, database="postgres")
    assert "app/db/postgres.py" in contents_of(project)
    assert "app/db/sqlite.py" not in contents_of(project)
    commit(project)
    update(project, database="sqlite")
    assert contents_of(project) == sqlite


@pytest.mark.parametrize(
    ("database", "steps"),
    [
        ("sqlite", [*({name: True} for name in SWITCHES), ALL_OFF]),
        # Sorted by name: Celery goes before Redis, which it needs, and WebSockets go last.
        ("postgres", [ALL_ON, *({name: False} for name in sorted(SWITCHES))]),
    ],
    ids=["one by one on", "one by one off"],
)
def test_part_switched_on_and_off_leaves_no_trace(
    template: Path,
    render: Render,
    rendered: Rendered,
    tmp_path: Path,
    database: str,
    steps: list[dict[str, Answer]],
) -> None:
    """Compare each step with a copy that has the same answers, to the byte."""
    answers: dict[str, Answer] = {"database": database, **ALL_OFF}
    project = start(render(tmp_path / "myapp", template, **answers))
    off = contents_of(project)
    for step in steps:
        update(project, **step)
        commit(project)
        answers |= step
        (copy,) = (rendered(each) for each in VALID if each.answers == answers)
        assert apart_from_its_source(project) == apart_from_its_source(copy)
    assert contents_of(project) == off


def apart_from_its_source(project: Path) -> dict[str, bytes]:
    """Return the contents, without the two answers that name the template's source."""
    contents = contents_of(project)
    answers = contents[".copier-answers.yml"].splitlines()
    source = (b"_commit:", b"_src_path:")
    kept = [line for line in answers if not line.startswith(source)]
    return contents | {".copier-answers.yml": b"\n".join(kept)}


def test_lines_at_the_seams_survive_parts_switched_on_and_off(project: Path) -> None:
    seams = write_at_the_seams(project)
    edited = contents_of(project)
    update(project, **ALL_ON)
    texts = [content.decode() for content in contents_of(project).values()]
    assert not [text for text in texts if "<<<<<<<" in text]
    assert sum(text.count("The user's.") for text in texts) >= seams
    commit(project)
    update(project, **ALL_OFF)
    assert contents_of(project) == edited


def test_switching_a_part_off_deletes_even_its_edited_files(
    template: Path, render: Render, tmp_path: Path
) -> None:
    """Copier deletes them silently, as docs/updating.md says."""
    project = start(render(tmp_path / "myapp", template, use_redis=True))
    edited = project / "app/core/redis.py"
    edited.write_text(f"{edited.read_text()}\nMINE = 1\n")
    commit(project)
    update(project, use_redis=False)
    assert not edited.exists()
    assert "MINE = 1" in git(project, "show", "HEAD:app/core/redis.py")


@pytest.mark.parametrize(
    ("before", "wrong", "right"),
    [
        pytest.param(["use_redis", "use_celery"], "use_redis=false", "use_celery=false", id="off"),
        pytest.param([], "use_celery=true", "use_redis=true", id="on"),
    ],
)
def test_update_to_incompatible_answers_is_rejected(
    template: Path, render: Render, tmp_path: Path, before: list[str], wrong: str, right: str
) -> None:
    """Without validators, Copier silently drops the answer that no longer fits and its files."""
    project = start(render(tmp_path / "myapp", template, **dict.fromkeys(before, True)))
    command = [sys.executable, "-m", "copier", "update", "--defaults", "--vcs-ref=:current:"]

    def run(*answers: str) -> subprocess.CompletedProcess[str]:
        given = [f"-d{answer}" for answer in answers]
        return subprocess.run(
            [*command, *given], cwd=project, capture_output=True, text=True, check=False
        )

    refused = run(wrong)
    assert refused.returncode != 0
    assert SENTENCE.search(refused.stderr.strip().splitlines()[-1])
    assert git(project, "status", "--porcelain") == ""
    accepted = run(wrong, right)
    assert accepted.returncode == 0, accepted.stderr
    answers = (project / ".copier-answers.yml").read_text()
    assert ("use_redis: true" in answers) is ("use_celery: true" in answers) is (not before)


def test_lines_at_the_seams_survive_a_new_version(template: Path, project: Path) -> None:
    """The template adds a line above each "Your own ... below this line.", the user one below."""
    seams = write_at_the_seams(project)
    for path in files_of(template / "template"):
        path.write_text(SEAM.sub(r"\1\2 The template's.\4\n\g<0>", path.read_text()))
    release(template, "1.1.0")

    update(project)

    assert "1.1.0" in (project / ".copier-answers.yml").read_text()
    assert not list(project.rglob("*.rej"))
    texts = [path.read_text() for path in files_of(project)]
    assert not [text for text in texts if "<<<<<<<" in text]
    assert sum(text.count("The user's.") for text in texts) == seams
    assert sum(text.count("The template's.") for text in texts) == seams


def test_update_leaves_files_of_the_user_unchanged(template: Path, project: Path) -> None:
    own = project / "app/services/invoice.py"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("NUMBER = 1\n")
    commit(project)
    (template / "template/app/new.py").write_text('"""New."""\n')
    release(template, "1.1.0")

    update(project)

    assert own.read_text() == "NUMBER = 1\n"
    assert (project / "app/new.py").exists()


def test_old_project_can_be_updated_despite_a_new_question(template: Path, project: Path) -> None:
    """Add a part's manifest, whose question the existing project has never answered."""
    (template / "extensions/part.yml").write_text(
        "use_part:\n  type: bool\n  default: false\n"
        '_exclude:\n  - "{% if not use_part | default(false) %}/app/part.py{% endif %}"\n'
    )
    with (template / "copier.yml").open("a") as questions:
        questions.write("---\n!include extensions/part.yml\n")
    (template / "template/app/part.py").write_text('"""A part."""\n')
    release(template, "1.1.0")

    update(project)
    assert not (project / "app/part.py").exists()
    commit(project)
    update(project, use_part="true")
    assert (project / "app/part.py").exists()


def test_work_tree_with_changes_is_rejected(project: Path) -> None:
    (project / "app/main.py").write_text("")
    with pytest.raises(copier.errors.UserMessageError, match="dirty"):
        update(project)
