"""Modules of a server, with their imports and run lines moved; everything else stays, byte for byte."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass

from lambent.cli.migration.handlers import add_handler, choose, low_level, run_when_imported
from lambent.cli.migration.imports import move_imports
from lambent.cli.migration.names import ROOTS, Names
from lambent.cli.migration.runs import find_runs
from lambent.cli.migration.source import Source
from lambent.cli.migration.unmoved import Unmoved


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A module.

    Attributes:
        content: its bytes.
        findings: what stays as it is, though it is of another SDK, and what is left to do.
    """

    content: bytes
    findings: tuple[Unmoved, ...] = ()


@dataclass(frozen=True, slots=True)
class _Parsed:
    text: str
    encoding: str
    tree: ast.Module


def rewrite(modules: Mapping[str, bytes], names: Names) -> dict[str, Rewritten]:
    """Move the modules of a program.

    Args:
        modules: their bytes, in the encodings that they declare, by their paths.
        names: where names go.

    Returns:
        What becomes of those in which something moves or stays, by their paths.
    """
    parsed: dict[str, _Parsed] = {}
    done: dict[str, Rewritten] = {}
    for path, content in modules.items():
        try:
            # A module that runs the server of another one need not name the SDK.
            parsed[path] = _parse(content)
        except (SyntaxError, UnicodeDecodeError, RecursionError, MemoryError) as error:
            if any(root.encode() in content for root in ROOTS):
                line = getattr(error, "lineno", None) or 1
                finding = Unmoved(
                    line, path, f"it cannot be read: {error or 'it is nested too deeply'}", "imports"
                )
                done[path] = Rewritten(content, (finding,))
    runs = {path: find_runs(one.tree) for path, one in parsed.items()}
    handlers, left = choose(runs)
    low = low_level(runs)
    # Without other servers in the program, modules with types alone have those of the low-level ones.
    is_low = bool(low) and not any(one.makes_servers for one in runs.values())
    for path, one in parsed.items():
        if path in low or is_low:
            if path in low:
                done[path] = Rewritten(modules[path], (low[path],))
            continue
        source = Source(one.text)
        moves = move_imports(source, one.tree, names)
        edits, findings = moves.edits, [*moves.findings, *left.get(path, ())]
        if (server := handlers.get(path)) is not None:
            edits += add_handler(source, one.tree, server)
            findings += run_when_imported(source, one.tree, server)
        if edits or findings:
            done[path] = Rewritten(source.changed(edits).encode(one.encoding), tuple(findings))
    return done


def _parse(content: bytes) -> _Parsed:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    text = content.decode(encoding)
    return _Parsed(text, encoding, ast.parse(text))
