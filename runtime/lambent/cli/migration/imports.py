"""Imports: each name from the module of `lambent.compat` that has it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lambent.cli.migration.modules import MODULES
from lambent.cli.migration.names import COMPAT, ROOTS, TYPES, Moved, Names, Stays, is_client, root_of
from lambent.cli.migration.source import Edit, Source
from lambent.cli.migration.unmoved import Unmoved

_MODULE = re.compile(r"from(?:\s|\\\r?\n)+([\w.]+)")


@dataclass(slots=True)
class Moves:
    """What becomes of the imports of a module."""

    edits: list[Edit] = field(default_factory=list)
    findings: list[Unmoved] = field(default_factory=list)


def move_imports(source: Source, tree: ast.Module, names: Names) -> Moves:
    """What changes in a module so that its names come from `lambent.compat`.

    A module that has only clients, and types for them, stays as it is.

    Args:
        source: the text of the module.
        tree: its syntax tree.
        names: where names go.
    """
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    moves = Moves()
    if not any(map(_is_of_a_server, imports)):
        return moves
    for node in imports:
        if isinstance(node, ast.ImportFrom):
            if not node.level and node.module and root_of(node.module) in ROOTS:
                _move_from(source, tree, node, node.module, names, moves)
        else:
            for alias in node.names:
                if root_of(alias.name) in ROOTS:
                    _move_module(source, tree, node, alias, names, moves)
    return moves


def _is_of_a_server(node: ast.Import | ast.ImportFrom) -> bool:
    """Whether an import says that the module is more than a client."""
    if isinstance(node, ast.Import):
        paths = [alias.name for alias in node.names]
    elif node.level or not node.module:
        return False
    else:
        paths = [f"{node.module}.{alias.name}" for alias in node.names]
    return any(
        path.startswith("mcp.server.")
        or path == "mcp.server"
        or (root_of(path) == "fastmcp" and path != "fastmcp.Client" and not is_client(path))
        for path in paths
    )


def _check_uses(tree: ast.Module, bound: str, module: str, names: Names, moves: Moves) -> None:
    """Find the names that a module which has moved is asked for and does not have."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == bound:
            place = names.find_in(module, node.attr)
            finding = place and place.at(node.lineno, f"{bound}.{node.attr}")
            if finding and finding not in moves.findings:
                moves.findings.append(finding)


def _move_from(
    source: Source, tree: ast.Module, node: ast.ImportFrom, module: str, names: Names, moves: Moves
) -> None:
    groups: dict[str | None, list[ast.alias]] = {}
    modules: list[tuple[ast.alias, str]] = []
    for alias in node.names:
        is_star = alias.name == "*"
        place = (
            Stays("list the names in place of *", "imports") if is_star else names.find(module, alias.name)
        )
        if isinstance(place, Stays):
            groups.setdefault(None, []).append(alias)
            moves.findings.append(place.at(node.lineno, f"{module}.{alias.name}"))
        elif place.is_module and not _is_exported_module(place, alias):
            modules.append((alias, place.module))
            _check_uses(tree, alias.asname or alias.name, place.module, names, moves)
        else:
            groups.setdefault(COMPAT if place.is_module else place.module, []).append(alias)
            if place.is_module:
                _check_uses(tree, alias.asname or alias.name, place.module, names, moves)
    if set(groups) == {None} and not modules:
        return
    start, end = source.span(node)
    if len(groups) == 1 and not modules:
        found = _MODULE.match(source.text, start)
        if found and found[1] == module:
            moves.edits.append(Edit(found.start(1), found.end(1), str(next(iter(groups)))))
            return
    if not source.begins_line(node) and _comments_in(source, node):
        reason = "comments stand within it, and another statement in front: give it lines of its own"
        moves.findings.append(Unmoved(node.lineno, module, reason, "imports"))
        return
    moves.edits.append(Edit(start, end, _split(source, node, module, groups, modules)))


def _comments_in(source: Source, node: ast.ImportFrom) -> list[str]:
    start, end = source.span(node)
    return re.findall(r"#[^\r\n]*", source.text[start:end])


def _is_exported_module(place: Moved, alias: ast.alias) -> bool:
    """Whether ``from lambent.compat import types`` gives a module that has the name."""
    return place.module == TYPES and alias.name == "types"


def _split(
    source: Source,
    node: ast.ImportFrom,
    module: str,
    groups: dict[str | None, list[ast.alias]],
    modules: list[tuple[ast.alias, str]],
) -> str:
    """One statement for each module that names come from now."""
    statements = [
        f"from {place or module} import {', '.join(map(_shown, aliases))}"
        for place, aliases in sorted(groups.items(), key=lambda item: item[0] is None)
    ]
    statements += [f"import {place} as {alias.asname or alias.name}" for alias, place in modules]
    start, _ = source.span(node)
    before = source.text[source.starts[node.lineno - 1] : start]
    separator = "; " if before.strip() else source.line_end + before
    return separator.join([*_comments_in(source, node), *statements])


def _shown(alias: ast.alias) -> str:
    return alias.name if alias.asname is None else f"{alias.name} as {alias.asname}"


def _move_module(
    source: Source, tree: ast.Module, node: ast.Import, alias: ast.alias, names: Names, moves: Moves
) -> None:
    if is_client(alias.name):
        return
    start, end = source.span(alias)
    if alias.asname is not None:
        place = names.find(*_parts(alias.name))
        if isinstance(place, Moved) and place.is_module:
            moves.edits.append(Edit(start, end, f"{place.module} as {alias.asname}"))
            _check_uses(tree, alias.asname, place.module, names, moves)
        else:
            reason = "import what is used of it by name"
            moves.findings.append(Unmoved(node.lineno, alias.name, reason, "imports"))
        return
    root = root_of(alias.name)
    needed: set[str] = set()
    stays = False
    for chain in _chains(tree, root):
        path = ast.unparse(chain)
        module, _, name = path.rpartition(".")
        place = names.find(module, name)
        if isinstance(place, Moved) and not place.is_module:
            needed.add(place.module)
            edit = Edit(*source.span(chain), f"{place.module}.{name}")
            if edit not in moves.edits:
                moves.edits.append(edit)
        else:
            stays = True
            if isinstance(place, Stays):
                finding = place.at(chain.lineno, path)
                if finding not in moves.findings:
                    moves.findings.append(finding)
    if needed:
        kept = [alias.name] if stays else []
        moves.edits.append(Edit(start, end, ", ".join([*kept, *sorted(needed)])))


def _parts(path: str) -> tuple[str, str]:
    module, _, name = path.rpartition(".")
    return module, name


def _chains(tree: ast.Module, root: str) -> Iterator[ast.Attribute]:
    """The paths ``mcp.types.Tool`` in a module: each as far as the first name that is no module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _dotted(node.value):
            prefix = ast.unparse(node.value)
            is_module = prefix == root or prefix in MODULES or is_client(prefix)
            if root_of(prefix) == root and is_module and f"{prefix}.{node.attr}" not in MODULES:
                yield node


def _dotted(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
