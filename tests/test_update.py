"""`copier update`: what the template changes arrives, what the user changed stays."""

import re
from pathlib import Path

import copier
import pytest

from tests.conftest import Render
from tests.files import commit, contents_of, files_of, git

SEAM = re.compile(r"^( *)(\S+) (Your own [^\n]* below this line\.)(.*)$", re.MULTILINE)


@pytest.fixture
def template(copier_template: Path, tmp_path: Path) -> Path:
    """The template as a repository of its own, released as 1.0.0."""
    clone = tmp_path / "template"
    git(tmp_path, "clone", "--quiet", str(copier_template), str(clone))
    git(clone, "tag", "--delete", "99.99.99")
    git(clone, "tag", "1.0.0")
    return clone


@pytest.fixture
def project(template: Path, render: Render, tmp_path: Path) -> Path:
    """A service rendered from 1.0.0 and committed, as the message after the copy says."""
    path = render(tmp_path / "myapp", template)
    git(path, "init", "--quiet")
    commit(path)
    return path


def release(template: Path, version: str) -> None:
    commit(template)
    git(template, "tag", version)


def update(project: Path, **answers: str) -> None:
    """Without answers to the newest release; with them, within the same one."""
    copier.run_update(
        project,
        data=answers,
        vcs_ref=copier.VcsRef.CURRENT if answers else None,
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=False,
    )


def test_an_update_to_the_same_version_changes_nothing(project: Path) -> None:
    update(project)
    assert git(project, "status", "--porcelain") == ""


def test_a_database_can_be_changed_and_changed_back(project: Path) -> None:
    sqlite = contents_of(project)
    update(project, database="postgres")
    assert "app/db/postgres.py" in contents_of(project)
    assert "app/db/sqlite.py" not in contents_of(project)
    commit(project)
    update(project, database="sqlite")
    assert contents_of(project) == sqlite


def test_what_the_user_wrote_at_the_seams_survives_a_new_version(
    template: Path, project: Path
) -> None:
    """At each «Your own ... below this line.» the template adds above it and the user below."""
    seams = 0
    for path in files_of(project):
        text, found = SEAM.subn(r"\g<0>\n\1\2 The user's.\4", path.read_text())
        path.write_text(text)
        seams += found
    commit(project)
    for path in files_of(template / "template"):
        path.write_text(SEAM.sub(r"\1\2 The template's.\4\n\g<0>", path.read_text()))
    release(template, "1.1.0")

    update(project)

    assert "1.1.0" in (project / ".copier-answers.yml").read_text()
    assert not list(project.rglob("*.rej"))
    texts = [path.read_text() for path in files_of(project)]
    assert not [text for text in texts if "<<<<<<<" in text]
    assert seams > 0
    assert sum(text.count("The user's.") for text in texts) == seams
    assert sum(text.count("The template's.") for text in texts) == seams


def test_a_file_of_the_user_is_never_touched(template: Path, project: Path) -> None:
    own = project / "app/services/invoice.py"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("NUMBER = 1\n")
    commit(project)
    (template / "template/app/new.py").write_text('"""New."""\n')
    release(template, "1.1.0")

    update(project)

    assert own.read_text() == "NUMBER = 1\n"
    assert (project / "app/new.py").exists()


def test_a_new_question_does_not_stop_the_update_of_an_old_project(
    template: Path, project: Path
) -> None:
    """The next part arrives as a manifest; a project of today has never answered its question."""
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


def test_a_work_tree_with_changes_is_refused(project: Path) -> None:
    (project / "app/main.py").write_text("")
    with pytest.raises(copier.errors.UserMessageError, match="dirty"):
        update(project)
