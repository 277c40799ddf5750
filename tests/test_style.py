"""Every rendering looks as if it had been written by hand for this project."""

import ast
import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from jinja2 import Environment, nodes

from tests.combinations import OPTIONAL_PYTHONS, PYTHONS, Combination
from tests.conftest import ROOT, Render
from tests.features import explained_settings_of, settings_of
from tests.files import commit, contents_of, git

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATE = ROOT / "template"
ANSWERS = ".copier-answers.yml"


def texts_of(project: Path) -> dict[str, str]:
    return {name: content.decode() for name, content in contents_of(project).items()}


def test_no_trace_of_templating_is_left(rendering: Path) -> None:
    """Skip the emails, which are templates of the service itself."""
    tags = re.compile(r"{%|{#|{{-? *(_copier|project_|author_|database|use_)")
    for name, text in texts_of(rendering).items():
        assert ".jinja" not in name
        assert name.startswith("app/templates/") or not tags.search(text), name


def test_files_end_in_one_newline_without_trailing_whitespace(rendering: Path) -> None:
    for name, text in texts_of(rendering).items():
        assert re.search(r"\S\n\Z", text), f"{name}: empty, or not one newline at the end"
        assert not re.search(r"[ \t\r]+$", text, re.MULTILINE), f"{name}: trailing whitespace"
        assert "\n\n\n\n" not in text, f"{name}: three blank lines"


def test_no_folder_is_empty(rendering: Path) -> None:
    assert not [path for path in rendering.rglob("*") if path.is_dir() and not any(path.iterdir())]


def test_every_data_and_code_file_parses(rendering: Path) -> None:
    parsers: dict[str, Callable[[str], object]] = {
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".yml": lambda text: list(yaml.safe_load_all(text)),
        ".yaml": lambda text: list(yaml.safe_load_all(text)),
        ".py": ast.parse,
    }
    for name, text in texts_of(rendering).items():
        parsers.get(Path(name).suffix, str)(text)


def test_disabled_part_is_not_mentioned(combination: Combination, rendering: Path) -> None:
    """Only the recorded answers may say that it is off."""
    answers = {f"{name}: false" for name, answer in combination.answers.items() if not answer}
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts_of(rendering).items()
        for number, line in enumerate([name, *text.casefold().splitlines()])
        if any(word in line for word in combination.absent_words)
        and not (name == ANSWERS and line in answers)
    ]
    assert not found, "\n".join(found)


def test_no_secret_and_no_local_path_is_rendered(rendering: Path) -> None:
    """Reject long random-looking words, except after `@` and `sha256:`, which pin versions."""
    for name, text in texts_of(rendering).items():
        if name == ANSWERS:
            continue
        for word in re.findall(r"(?<!@)(?<!sha256:)\b[A-Za-z0-9+]{32,}\b", text):
            assert not re.search(r"\d", word), f"{name}: {word}"
        assert "PRIVATE KEY" not in text
        assert not re.search(r"(/(home|Users|root)/|[A-Z]:\\)\w", text), name
        assert str(ROOT) not in text


def test_rendering_is_reproducible_to_the_byte(
    combination: Combination, render: Render, tmp_path: Path
) -> None:
    """Render both here, as another worker's copy of the template has another path."""
    one, other = (
        render(tmp_path / name / "myapp", **combination.answers) for name in ("one", "other")
    )
    assert contents_of(one) == contents_of(other)


def test_no_code_is_exempt_from_linters_and_coverage(rendering: Path) -> None:
    exemption = re.compile(r"#.*(noqa|type: ignore|pragma: no (cover|branch)|ruff: |mypy: )")
    code = {name: text for name, text in texts_of(rendering).items() if name.endswith(".py")}
    assert not [name for name, text in code.items() if exemption.search(text)]


def test_rendered_workflow_runs_every_supported_python(rendering: Path) -> None:
    workflow = yaml.safe_load((rendering / ".github/workflows/ci.yml").read_text())
    jobs = workflow["jobs"].values()
    (pythons,) = [job["strategy"]["matrix"]["python"] for job in jobs if "strategy" in job]
    assert pythons == [*PYTHONS, *OPTIONAL_PYTHONS]
    for folder in (rendering, ROOT):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["requires-python"] == f">={PYTHONS[0]}"


def test_gitignore_excludes_no_rendered_file(rendering: Path, tmp_path: Path) -> None:
    """Make sure that no file is missing from the first clone."""
    project = shutil.copytree(rendering, tmp_path / "myapp")
    git(project, "init", "--quiet")
    commit(project)
    kept = git(project, "ls-files", "-z").split("\0")
    assert sorted(filter(None, kept)) == sorted(contents_of(project))


def test_gitignore_excludes_secrets_and_data(rendering: Path, tmp_path: Path) -> None:
    project = shutil.copytree(rendering, tmp_path / "myapp")
    git(project, "init", "--quiet")
    written_later = [".env", ".env.production", ".dev/server/password", "myapp.db", "myapp.db-wal"]
    ignored = git(project, "check-ignore", "--", *written_later)
    assert ignored.splitlines() == written_later


def test_gitignore_excludes_no_template_file() -> None:
    ignored = git(ROOT, "ls-files", "--others", "--ignored", "--exclude-standard", "template")
    lost = [name for name in ignored.splitlines() if name.endswith(".jinja")]
    assert not lost


def test_every_setting_is_used_and_explained(rendering: Path) -> None:
    settings = settings_of(rendering)
    code = "\n".join(path.read_text() for path in (rendering / "app").rglob("*.py"))
    explained = explained_settings_of(rendering)

    assert [name for name in settings if not re.search(rf"\.{name}\b", code)] == []
    assert explained.keys() == settings.keys()
    assert all(explained.values())


def test_readme_lists_about_a_dozen_settings(rendering: Path) -> None:
    """Compare each default with `.env.example`; an empty one is described in words."""
    example = (rendering / ".env.example").read_text()
    defaults = dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", example, re.MULTILINE))
    readme = (rendering / "README.md").read_text()
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` (?:\* )?\| (.*?) \|", readme, re.MULTILINE)

    assert len(rows) in {11, 12, 13}
    for name, default in rows:
        assert default == f"`{defaults[name]}`" or not (defaults[name] or "`" in default), name


def test_jinja_in_python_stays_rare() -> None:
    """Allow at most ten files with nine lines each, and no nested blocks."""
    files = sorted(TEMPLATE.rglob("*.py.jinja"))
    assert len(files) <= 10
    jinja = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True)
    for path in files:
        text = path.read_text(encoding="utf-8")
        lines = {line for line, kind, _ in jinja.lex(text) if kind not in {"data", "whitespace"}}
        assert len(lines) <= 9, path.name
        assert nesting(jinja.parse(text)) <= 1, path.name


def nesting(node: nodes.Node) -> int:
    """Return the depth of nested blocks; `elif` is a branch, not a nested block."""
    if isinstance(node, nodes.If):
        branches = [*node.body, *node.else_, *(part for each in node.elif_ for part in each.body)]
        return 1 + max(map(nesting, branches), default=0)
    return isinstance(node, nodes.Stmt) * (not isinstance(node, nodes.Output)) + max(
        map(nesting, node.iter_child_nodes()), default=0
    )


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("x = {{ y if z }}", 0),
        ("{% if a %}\nx\n{% elif b %}\ny\n{% else %}\nz\n{% endif %}{% if c %}\nx\n{% endif %}", 1),
        ("{% if a %}{% if b %}\nx\n{% endif %}{% endif %}", 2),
        ("{% if a %}\nx\n{% else %}\n{% for b in c %}\nx\n{% endfor %}\n{% endif %}", 2),
    ],
)
def test_nesting_of_jinja_is_counted_correctly(text: str, depth: int) -> None:
    assert nesting(Environment(autoescape=True).parse(text)) == depth


def test_python_files_without_the_jinja_suffix_have_no_tags() -> None:
    """Look for tags in the files that Copier copies verbatim."""
    for path in TEMPLATE.rglob("*.py"):
        assert "{%" not in path.read_text(encoding="utf-8"), path.name
