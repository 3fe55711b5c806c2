"""Handlers: where a module runs its server, Lambda gets one."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from lambent.cli.migration.names import root_of
from lambent.cli.migration.runs import RUNS, Runs
from lambent.cli.migration.source import Edit, Source
from lambent.cli.migration.unmoved import Unmoved

_HANDLERS: Final = ("handler", "lambda_handler")
_ANCHOR: Final = "run-lines"


def choose(modules: Mapping[str, Runs]) -> tuple[dict[str, str], dict[str, list[Unmoved]]]:
    """Which modules get a handler: those that run a server, else the one that makes it.

    Args:
        modules: by their path.

    Returns:
        The name of the server that a module gets a handler for, and what a module cannot be given.
    """
    made = {(_stem(path), name) for path, runs in modules.items() for name in runs.servers}
    run: dict[str, list[str]] = {}
    elsewhere: set[tuple[str, str]] = set()
    for path, runs in modules.items():
        imported = {name for name, origin in runs.imported.items() if origin in made}
        run[path] = sorted(runs.run & (imported | runs.servers.keys()))
        elsewhere |= {runs.imported[name] for name in run[path] if name in imported}
    chosen: dict[str, str] = {}
    findings: dict[str, list[Unmoved]] = {}
    for path, runs in modules.items():
        idle = [name for name in runs.servers if (_stem(path), name) not in elsewhere]
        names = run[path] or idle
        if runs.has_handler or not (names or runs.made_within):
            continue
        if runs.apps:
            app, line = next(iter(runs.apps.items()))
            reason = f"an application of your own: write handler = lambent.adapt({app})"
            findings[path] = [Unmoved(line, app, reason, "applications")]
        elif len(names) > 1:
            line = runs.servers.get(names[0], 1)
            reason = "a function has one server: write handler = NAME.lambda_handler() for one of them"
            findings[path] = [Unmoved(line, ", ".join(names), reason, _ANCHOR)]
        elif names:
            chosen[path] = names[0]
        else:
            reason = (
                "made within a function or an expression: write handler = SERVER.lambda_handler() at the end"
            )
            findings[path] = [Unmoved(runs.made_within[0], "the server", reason, _ANCHOR)]
    return chosen, findings


def _stem(path: str) -> str:
    name = path.replace("\\", "/").removesuffix("/__init__.py").rpartition("/")[2]
    return name.removesuffix(".py")


def low_level(modules: Mapping[str, Runs]) -> dict[str, Unmoved]:
    """The modules of servers without decorators, which stay what they are.

    Args:
        modules: by their path.

    Returns:
        What to say of each.
    """
    found = {}
    for path, runs in modules.items():
        for name, line in runs.low_level.items():
            if not runs.makes_servers:
                reason = "a low-level server stays as it is: write handler = lambent.adapt(SERVER)"
                found[path] = Unmoved(line, name, reason, "low-level-servers")
    return found


def add_handler(source: Source, tree: ast.Module, server: str) -> Iterator[Edit]:
    """Make a Lambda handler of a server once everything is declared, and guard the lines that run it.

    Args:
        source: the text of the module.
        tree: its syntax tree.
        server: the name of the server.
    """
    end = source.line_end
    line = f"{_free(tree)} = {server}.lambda_handler()"
    last = _last_block(source, tree, server)
    if last is None:
        text = source.text
        before = "" if text.endswith(("\n", "\r")) else end
        is_block = isinstance(tree.body[-1], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        blank = end * (2 if is_block else 1)
        yield Edit(len(text), len(text), f"{before}{blank}{line}{end}")
    else:
        at = _before_comments(source, last.lineno)
        yield Edit(at, at, line + end * 3)
    for node in tree.body:
        if _is_run(node, server) and source.begins_line(node):
            start, _ = source.span(node)
            yield Edit(start, start, f'if __name__ == "__main__":{end}    ')
            within = {line for one in ast.walk(node) for line in _lines_of_text(one)}
            for number in range(node.lineno + 1, (node.end_lineno or node.lineno) + 1):
                if number not in within:
                    yield Edit(source.starts[number - 1], source.starts[number - 1], "    ")


def _last_block(source: Source, tree: ast.Module, server: str) -> ast.stmt | None:
    """The first of the statements at the end of a module that only run it; None where it ends otherwise."""
    found = None
    for node in reversed(tree.body):
        if not (_is_main(node) or _is_run(node, server)):
            break
        found = node
    return found if found is not None and source.begins_line(found) else None


def run_when_imported(source: Source, tree: ast.Module, server: str) -> Iterator[Unmoved]:
    """Lines that run the server wherever the module is imported, and that cannot be guarded as they stand.

    Args:
        source: the text of the module.
        tree: its syntax tree.
        server: the name of the server.
    """
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    runners = {
        node.name
        for node in tree.body
        if isinstance(node, functions) and any(_runs(one, server, ()) for one in ast.walk(node))
    }
    for node in tree.body:
        if isinstance(node, (*functions, ast.ClassDef)) or _is_main(node):
            continue
        if _is_run(node, server) and source.begins_line(node):
            continue
        if any(_runs(one, server, runners) for one in ast.walk(node)):
            reason = 'runs the server where it is imported: write it under if __name__ == "__main__":'
            yield Unmoved(node.lineno, server, reason, _ANCHOR)


def _runs(node: ast.AST, server: str, runners: Collection[str]) -> bool:
    """Whether something is a method that serves, or calls a function that does."""
    if isinstance(node, ast.Attribute):
        return node.attr in RUNS and isinstance(node.value, ast.Name) and node.value.id == server
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in runners


def _lines_of_text(node: ast.AST) -> range:
    """The lines that begin within a string, whose first characters belong to it."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        return range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)
    return range(0)


def _free(tree: ast.Module) -> str:
    taken = {name for node in ast.walk(tree) for name in _names_in(node)}
    return next((name for name in _HANDLERS if name not in taken), "mcp_handler")


def _names_in(node: ast.AST) -> Iterator[str]:
    """The names that a node binds or reads."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or root_of(node.name)
    elif isinstance(name := getattr(node, "name", None), str):
        yield name  # of functions, classes, caught exceptions and patterns


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test)
    )


def _is_run(node: ast.stmt, server: str) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr in RUNS
        and isinstance(node.value.func.value, ast.Name)
        and node.value.func.value.id == server
    )


def _before_comments(source: Source, line: int) -> int:
    """Where the comments begin that stand right above a line."""
    number = line - 1
    while number and source.text[source.starts[number - 1] :].startswith("#"):
        number -= 1
    return source.starts[number]
