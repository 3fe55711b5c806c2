"""The servers of a module, and the lines that run them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lambent.cli.migration.names import ROOTS, root_of

SERVERS: Final = frozenset({"MCPServer", "FastMCP"})
RUNS: Final = frozenset(
    {
        "run", "run_async", "run_http_async", "run_sse_async", "run_stdio_async",
        "run_streamable_http_async",
    }
)  # fmt: skip
"""Methods that serve until the process ends."""

_LOW_LEVEL: Final = frozenset({"Server", "lowlevel"})
_APPS: Final = frozenset({"FastAPI", "Starlette"})


@dataclass(slots=True)
class Runs:
    """The servers of a module, and what runs them.

    Attributes:
        servers: names at the top of the module that hold one, with their lines.
        imported: names that it imports, each with the last name of the module and its own there.
        run: names on which one of `RUNS` is called.
        made_within: lines on which a server is made elsewhere than at the top.
        apps: names of applications that are made at the top, with their lines.
        low_level: names of the class of servers without decorators, with their lines.
        has_handler: it makes a Lambda handler already.
    """

    servers: dict[str, int] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    run: set[str] = field(default_factory=set)
    made_within: list[int] = field(default_factory=list)
    apps: dict[str, int] = field(default_factory=dict)
    low_level: dict[str, int] = field(default_factory=dict)
    has_handler: bool = False

    @property
    def makes_servers(self) -> bool:
        """Whether it makes one with decorators, at the top or within a function."""
        return bool(self.servers or self.made_within)


def find_runs(tree: ast.Module) -> Runs:
    """What a module says of servers.

    Args:
        tree: its syntax tree.
    """
    runs = Runs()
    classes: set[str] = set()
    calls = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            _note_import(node, runs, classes)
        elif isinstance(node, ast.ClassDef) and any(_is_server_class(base, classes) for base in node.bases):
            classes.add(node.name)
        elif isinstance(node, ast.Call):
            calls.append(node)
    at_the_top = {id(value): name for name, value in _assigned(tree)}
    for call in calls:
        _note_call(call, at_the_top.get(id(call)), runs, classes)
    return runs


def _note_import(node: ast.ImportFrom, runs: Runs, classes: set[str]) -> None:
    module = node.module or ""
    for alias in node.names:
        name = alias.asname or alias.name
        if node.level or root_of(module) not in ROOTS:
            runs.imported[name] = (module.rpartition(".")[2], alias.name)
        elif alias.name in SERVERS:
            classes.add(name)
        elif alias.name in _LOW_LEVEL:
            runs.low_level[name] = node.lineno


def _is_server_class(node: ast.expr, classes: set[str]) -> bool:
    """Whether an expression, such as ``FastMCP`` or ``FastMCP[State]``, is the class of a server."""
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr in SERVERS
    return isinstance(node, ast.Name) and node.id in classes


def _note_call(call: ast.Call, assigned_to: str | None, runs: Runs, classes: set[str]) -> None:
    called = call.func
    if isinstance(called, ast.Attribute):
        name, is_server = called.attr, called.attr in SERVERS
        if name in RUNS and isinstance(called.value, ast.Name):
            runs.run.add(called.value.id)
        runs.has_handler |= name == "lambda_handler"
    else:
        name = called.id if isinstance(called, ast.Name) else ""
        is_server = _is_server_class(called, classes)
    if is_server and assigned_to is None:
        runs.made_within.append(call.lineno)
    elif is_server and assigned_to is not None:
        runs.servers[assigned_to] = call.lineno
    elif name in _APPS and assigned_to is not None:
        runs.apps[assigned_to] = call.lineno


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
