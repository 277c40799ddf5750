"""The pages docs/parts/: `python -m tests.parts` writes anew what each part adds, as rendered.

That is found by comparing a project with the part to one without it.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import copier

from tests.combinations import QUESTIONS, VALID
from tests.features import (
    Features,
    commands_of,
    dependencies_of,
    endpoints_of,
    explained_settings_of,
    modules_of,
    services_of,
    settings_of,
)
from tests.files import contents_of

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "parts"
PARTS = [name.removeprefix("use_") for name, answers in QUESTIONS.items() if True in answers]
PAGES = [FOLDER / f"{part}.md" for part in PARTS]

ANSWERS = ".copier-answers.yml"
BEGIN = "<!-- Made by `python -m tests.parts` from here on; edit the template. -->"
END = "<!-- Made up to here. -->"

Projects = Mapping[str, Path]
"""The renderings, by the name of the combination."""


def on_page(page: Path, projects: Projects) -> str:
    """The page's text, with what is between the two comments made anew."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    made = "\n".join(_made(page.stem, projects))
    return f"{before}{BEGIN}\n\n{made}\n{END}{after}"


def _made(part: str, projects: Projects) -> Iterator[str]:
    needed = {"redis"} if part == "celery" else set[str]()
    without, having = projects[_name(needed)], projects[_name({part} | needed)]
    yield from _files(without, having)
    yield from _shared_files(part, projects)
    yield from _settings(without, having)
    yield from _table("command", _added(commands_of, without, having))
    yield from _table("endpoint", _added(endpoints_of, without, having))
    yield from _table("dependency", _added(dependencies_of, without, having))
    yield from _table("service in compose.yaml", _added(services_of, without, having))


def _files(without: Path, having: Path) -> Iterator[str]:
    before, after = contents_of(without), contents_of(having)
    added = [name for name in after if name not in before]
    yield from _table("file", _added(modules_of, without, having))
    yield f"Tests: {_names(name for name in added if name.startswith('tests/'))}.\n"
    others = [name for name in added if not name.startswith(("app/", "development/", "tests/"))]
    others += [name for name in added if name.startswith("app/") and not name.endswith(".py")]
    if others:
        yield f"Other files: {_names(others)}.\n"
    if gone := [name for name in before if name not in after]:
        yield f"Gone, because these take their place: {_names(gone)}.\n"
    changed = (name for name in before if before[name] != after.get(name, before[name]))
    yield f"Lines in: {_names(name for name in changed if name != ANSWERS)}.\n"


def _shared_files(part: str, projects: Projects) -> Iterator[str]:
    """What exists only, or no longer, where this part and another one meet."""
    for other in PARTS:
        if other == part or {other, part} == {"redis", "celery"}:
            continue
        needed = {"redis"} if "celery" in {other, part} else set[str]()
        neither, one, two, both = (
            contents_of(projects[_name(needed | parts)]).keys()
            for parts in (set[str](), {part}, {other}, {part, other})
        )
        if added := both - one - two:
            yield f"With `use_{other}` as well: {_names(added)}.\n"
        if gone := (one | two) - both - (neither - one) - (neither - two):
            yield f"With `use_{other}` as well, gone: {_names(gone)}.\n"


def _name(parts: set[str]) -> str:
    return "-".join(["sqlite", *(part for part in PARTS if part in parts)])


def _settings(without: Path, having: Path) -> Iterator[str]:
    defaults = _added(settings_of, without, having)
    explained = explained_settings_of(having)
    yield from _table(
        "setting",
        {
            name: f"{explained.get(name, '')} Default: {f'`{value}`' if value else 'none'}."
            for name, value in defaults.items()
        },
    )
    before, after = settings_of(without), settings_of(having)
    for name, value in before.items():
        if after[name] != value:
            yield f"The default of `{name}` is `{after[name]}`, without the part `{value}`.\n"


def _added(read: Callable[[Path], Features], without: Path, having: Path) -> Features:
    before = read(without)
    return {name: said for name, said in read(having).items() if name not in before}


def _table(heading: str, rows: Features) -> Iterator[str]:
    if rows:
        yield f"| {heading} | |\n|---|---|"
        yield from (
            f"| `{name}` | {said.replace('|', '/') or '-'} |" for name, said in rows.items()
        )
        yield ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _rendered(folder: Path) -> dict[str, Path]:
    """Those on sqlite, from a plain copy of the template: which release git has does not matter."""
    source = folder / "template"
    source.mkdir()
    shutil.copy(ROOT / "copier.yml", source)
    for name in ("extensions", "template"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns(".*cache", ".venv")
        )
    projects = {each.id: each for each in VALID if each.answers["database"] == "sqlite"}
    for name, each in projects.items():
        copier.run_copy(
            str(source), folder / name / "myapp", data=each.answers, defaults=True, quiet=True
        )
    return {name: folder / name / "myapp" for name in projects}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        everything = _rendered(Path(made))
        for each in PAGES:
            each.write_text(on_page(each, everything), encoding="utf-8")
