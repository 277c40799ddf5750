"""A lint for tests whose outcome depends on the speed of the machine.

It reports pauses in which something is expected to happen, deadlines that a slow machine misses,
and intervals of the service that may elapse before the test is done.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

HELPER = "waiting.py"
EXEMPT = {
    "tests/support/sweeping.py",  # runs after the tests
    "tests/support/waiting.py",
    "tests/waiting.py",
}
SHORTEST_DEADLINE = 60  # seconds
NEVER = 86_400  # a pause of a day counts as endless
REASON = re.compile(r"# Fires early without harm: \S")
"""A comment that permits a short interval: the test passes no matter when it fires."""
EXPLAIN = "lengthen it, or add `# Fires early without harm: ...`"

DEADLINES = {"timeout": 0, "wait_for": 1}
METHODS_WITH_DEADLINE = {"wait", "join"}
INTERVAL = re.compile(r"\w_(seconds|timeout)$", re.IGNORECASE)
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def findings(root: Path) -> list[str]:
    """Return the violations in the tests of `root`, each with its file and line."""
    code = Code(root, {})
    paths = sorted(path.relative_to(root) for path in (root / "tests").rglob("*.py"))
    return [
        f"{path.as_posix()}:{line}: {what}"
        for path in paths
        if path.as_posix() not in EXEMPT
        for line, what in sorted(Module(code, (root / path).read_text("utf-8")).findings())
    ]


@dataclass(frozen=True)
class Code:
    """The modules of a project, parsed when a constant is imported from them."""

    root: Path
    read: dict[str, "Module | None"]

    def module(self, name: str) -> "Module | None":
        if name not in self.read:
            path = self.root.joinpath(*name.split("."))
            found = [
                each for each in (path.with_suffix(".py"), path / "__init__.py") if each.exists()
            ]
            self.read[name] = Module(self, found[0].read_text("utf-8")) if found else None
        return self.read[name]


class Module:
    def __init__(self, code: Code, source: str) -> None:
        self.code = code
        self.lines = source.splitlines()
        self.tree = ast.parse(source)

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """The module-level names and the values assigned to them."""
        found: dict[str, ast.expr] = {}
        for node in self.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    found[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                    found[name] = value
        return found

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """The imported names, each with its module and its name there, empty for a module."""
        found: dict[str, tuple[str, str]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {each.asname or each.name: (node.module, each.name) for each in node.names}
            elif isinstance(node, ast.Import):
                found |= {each.asname or each.name: (each.name, "") for each in node.names}
        return found

    def value(self, node: ast.expr | None) -> float | None:
        """Return the number that an expression of literals and constants evaluates to, if any."""
        match node:
            case ast.Constant(value=bool()):
                return None
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Constant(value=str() as text) if re.fullmatch(r"\d+(\.\d*)?|\.\d+", text):
                return float(text)
            case ast.UnaryOp(op=ast.USub()):
                operand = self.value(node.operand)
                return None if operand is None else -operand
            case ast.BinOp():
                left, right = self.value(node.left), self.value(node.right)
                compute = OPERATORS.get(type(node.op))
                if left is None or right is None or compute is None:
                    return None
                return compute(left, right)
            case ast.Call(func=ast.Name(id="int" | "float" | "str"), args=[argument]):
                return self.value(argument)
            case ast.Name(id=name):
                return self._constant(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                module, inner = self.imports.get(name, ("", ""))
                source = self.code.module(f"{module}.{inner}".strip(".")) if module else None
                return source._constant(attribute) if source else None
        return None

    def _constant(self, name: str) -> float | None:
        if name in self.constants:
            return self.value(self.constants[name])
        module, inner = self.imports.get(name, ("", ""))
        source = self.code.module(module) if inner else None
        return source._constant(inner) if source else None

    def findings(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield from self._pauses(node)
                yield from self._deadlines(node)
            for first, name, value in _intervals(node):
                line = value.lineno
                if self._is_short(value) and not self._has_reason(first, line):
                    yield line, f"{name} of {ast.unparse(value)}: it may fire early; {EXPLAIN}"

    def _pauses(self, call: ast.Call) -> Iterator[tuple[int, str]]:
        if _name(call.func) != "sleep" or not call.args:
            return
        seconds = self.value(call.args[0])
        is_pause = _name(call.args[0]).isupper() if seconds is None else 0 < seconds < NEVER
        if is_pause:
            yield call.lineno, f"{ast.unparse(call)}: wait for the event instead, see {HELPER}"

    def _deadlines(self, call: ast.Call) -> Iterator[tuple[int, str]]:
        name = _name(call.func)
        position = DEADLINES.get(name)
        if isinstance(call.func, ast.Attribute) and name in METHODS_WITH_DEADLINE:
            position = 0
        values = [each.value for each in call.keywords if each.arg == "timeout"]
        if position is not None:
            values += call.args[position : position + 1]
        for value in filter(self._is_short, values):
            yield value.lineno, f"{name}() within {ast.unparse(value)} s is too short, see {HELPER}"

    def _is_short(self, node: ast.expr) -> bool:
        seconds = self.value(node)
        return seconds is not None and 0 < seconds < SHORTEST_DEADLINE

    def _has_reason(self, *lines: int) -> bool:
        """Whether one of the lines or the comment above it says why the interval is harmless."""
        return any(REASON.search(text) for line in lines for text in self._comments(line))

    def _comments(self, line: int) -> Iterator[str]:
        yield self.lines[line - 1]
        for above in reversed(self.lines[: line - 1]):
            if not above.lstrip().startswith("#"):
                return
            yield above


def _name(node: ast.expr) -> str:
    """Return the last part of a name, such as `sleep` of `asyncio.sleep`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _intervals(node: ast.AST) -> Iterator[tuple[int, str, ast.expr]]:
    """Yield the first line, the name and the value of each `..._SECONDS` or `..._TIMEOUT`."""
    named: list[tuple[ast.expr | str | None, ast.expr]] = []
    match node:
        case ast.Call(func=function, args=arguments, keywords=keywords):
            named += [(each.arg, each.value) for each in keywords]
            if _name(function) in {"setattr", "setenv", "setitem"}:
                named += pairwise(arguments)
        case ast.Dict(keys=keys, values=values):
            named += zip(keys, values, strict=True)
        case ast.Assign(targets=[ast.Attribute(attr=attribute)], value=value):
            named.append((attribute, value))
        case ast.Assign(targets=[ast.Subscript(slice=key)], value=value):
            named.append((key, value))
        case _:
            return
    for name, value in named:
        text = name.value if isinstance(name, ast.Constant) else name
        if isinstance(text, str) and INTERVAL.search(text):
            yield node.lineno, text, value
