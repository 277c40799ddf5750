"""The features of a rendered project, parsed from its files without installing it."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

Features = dict[str, str]
"""The name of each feature, and how the project describes it."""

METHODS = {"get", "post", "put", "patch", "delete", "websocket"}


def settings_of(project: Path) -> Features:
    """Return each setting with its default; strings lose their quotes."""
    assigned = [
        (node.target.id, node.value)
        for node in ast.walk(_parsed(project / "app/core/config.py"))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    ]
    return {name: _default(value) for name, value in assigned if name.isupper()}


def explained_settings_of(project: Path) -> Features:
    """Return the names in `.env.example`, each with the comment above it."""
    explained, comment = {}, ""
    for line in (project / ".env.example").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"(?:# ?)?([A-Z][A-Z0-9_]+)=", line):
            explained[match[1]] = comment
            comment = ""
        else:
            comment = f"{comment} {line.removeprefix('#').strip()}".strip() if line else ""
    return explained


def dependencies_of(project: Path) -> Features:
    """Return the distributions; `for development` marks those not installed in production."""
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = dict.fromkeys(metadata["dependency-groups"]["dev"], "for development")
    wanted |= dict.fromkeys(metadata["project"]["dependencies"], "")
    return {re.split(r"[\[<>=!~ ]", each)[0]: when for each, when in wanted.items()}


def services_of(project: Path) -> Features:
    """Return the services of the compose file, with the image unless the project builds it."""
    compose = yaml.safe_load((project / "compose.yaml").read_text(encoding="utf-8"))
    services: dict[str, dict[str, object]] = compose["services"]
    return {name: str(service.get("image", "")) for name, service in services.items()}


def commands_of(project: Path) -> Features:
    """Return the commands as they are typed, each with the first paragraph of its help."""
    commands = {}
    tree = _parsed(project / "app/cli/__init__.py")
    modules = {
        alias.asname or alias.name: project / f"{node.module.replace('.', '/')}.py"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for call in _calls(tree):
        if isinstance(call.func, ast.Call):
            name = ast.unparse(call.args[0])
            commands[_typed(name)] = _summary(_functions(modules[name])[name])
        elif ast.unparse(call.func) == "main.add_typer":
            group = ast.literal_eval(call.keywords[0].value)
            for name, node in _functions(modules[ast.unparse(call.args[0])]).items():
                if any("commands.command" in ast.unparse(each) for each in node.decorator_list):
                    commands[f"{group} {_typed(name)}"] = _summary(node)
    return commands


def endpoints_of(project: Path) -> Features:
    """Return endpoints such as `GET /api/v1/users/me`, each with the start of its description."""
    endpoints = {}
    for path in sorted((project / "app/api").rglob("*.py")):
        routers = [call for call in _calls(_parsed(path)) if ast.unparse(call.func) == "APIRouter"]
        prefixes = [
            ast.literal_eval(keyword.value)
            for router in routers
            for keyword in router.keywords
            if keyword.arg == "prefix"
        ]
        prefix = "".join(["/api/v1" if path.parent.name == "v1" else "", *prefixes])
        for node in _functions(path).values():
            for decorator in node.decorator_list:
                match = re.match(r"router\.(\w+)\('(.*?)'", ast.unparse(decorator))
                if match and match[1] in METHODS:
                    endpoints[f"{match[1].upper()} {prefix}{match[2]}"] = _summary(node)
    return endpoints


def modules_of(project: Path) -> Features:
    """Return the modules in `app/` and `development/`, each with the start of its docstring."""
    return {
        path.relative_to(project).as_posix(): _sentence(ast.get_docstring(_parsed(path)))
        for folder in ("app", "development")
        for path in sorted((project / folder).rglob("*.py"))
    }


KINDS: dict[str, Callable[[Path], Features]] = {
    "settings": settings_of,
    "lines of .env.example": explained_settings_of,
    "dependencies": dependencies_of,
    "services": services_of,
    "commands": commands_of,
    "endpoints": endpoints_of,
}


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _functions(path: Path) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = _parsed(path).body
    return {
        node.name: node
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _default(value: ast.expr) -> str:
    """Return the assigned value, or the first argument of its `Field(...)`."""
    if isinstance(value, ast.Call) and value.args:
        return _default(value.args[0])
    return str(value.value) if isinstance(value, ast.Constant) else ast.unparse(value)


def _typed(function: str) -> str:
    return function.replace("_", "-")


def _summary(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return _sentence(ast.get_docstring(node))


def _sentence(docstring: str | None) -> str:
    """Return the first paragraph on one line."""
    return " ".join((docstring or "").partition("\n\n")[0].split())
