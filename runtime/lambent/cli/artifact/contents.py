"""What of an artifact is never used in Lambda, and is left out of it."""

from __future__ import annotations

import ast
import fnmatch
import re
import shutil
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

LEFT_OUT: Final = {
    "/bin": "commands",
    "/.lock": "of uv",
    "/lambent/cli": "the command: Lambda imports nothing of it",
    "/lambent/__main__.py": "the same, by the package's name",
    "/lambent/testing": "for tests of servers",
    "/_lambent_pytest.py": "the plugin of pytest",
    "/lambent/hosts/stdio.py": "a host for local processes: no function is one",
    "/lambent/hosts/private_streams.py": "part of the stdio host",
    "/lambent/hosts/stdio_streams.py": "the same",
    "/lambent/hosts/line_writer.py": "the same",
    "/lambent/hosts/queue_work.py": "a host for queues where there is no Lambda",
    "/lambent/hosts/queue_worker.py": "the same",
    "/lambent/hosts/leased_inbox.py": "part of that host",
    "/lambent/stores/sqs_inbox.py": "the same",
    "/aws_lambda_powertools/event_handler/openapi/swagger_ui": "1.6 MB of a page that nothing here shows",
    "/fastapi/.agents": "documentation",
    "/*.dist-info/RECORD": "for uninstalling; it lists files that are not here",
    "/*.dist-info/INSTALLER": "who installed it",
    "/*.dist-info/REQUESTED": "whether it was asked for by name",
    "/*.dist-info/WHEEL": "how it was built",
    "/*.dist-info/direct_url.json": "where it was installed from: a path of this machine",
    "/*.dist-info/uv_cache.json": "for uv",
    "/*.dist-info/top_level.txt": "for installers",
    "/*.dist-info/sboms": "bills of materials, for scanners of wheels",
    "*.pyi": "for type checkers",
    "py.typed": "for type checkers",
    "*.h": "for C compilers",
    "tests": "of the package itself",
}
"""What is installed and never used at run time, and why; patterns with a slash begin at the top.

Licences stay. So do METADATA, where libraries read versions, but for the description that follows its fields;
and entry points, by which OpenTelemetry finds its own parts.
"""

COMPILER_OF_BINDINGS: Final = ("/cffi", "/pycparser", "/pycparser-*.dist-info")
"""Left out where cryptography alone asks for them: it needs _cffi_backend, which lies beside them."""


LEFT_OUT_UNLESS_IMPORTED: Final = {
    "compat": ("/lambent/compat",),
    "adapt": ("/lambent/hosts/adapt",),
    "clients": ("/lambent/clients",),
    "router|FunctionRouter": (
        "/lambent/hosts/aws_lambda/router.py",
        "/lambent/hosts/aws_lambda/router_events.py",
        "/lambent/hosts/aws_lambda/router_merging.py",
        "/lambent/stores/functions.py",
    ),
}
"""Parts of the library that a function imports by name or not at all: a fifth of the smallest function."""

LEFT_OUT_UNLESS_STREAMING: Final = (
    "/lambent/hosts/aws_lambda/runtime_client",
    "/lambent/hosts/aws_lambda/keep_alive.py",
    "/lambent/hosts/aws_lambda/streaming.py",
)
"""For responses that are sent while calls run; whether a function does so is a setting of its deployment."""

LEFT_OUT_UNLESS_CALLED: Final = {
    "events?|source": (
        "/lambent/wire/events.py",
        "/lambent/features/events.py",
        "/lambent/execution/events",
        "/lambent/execution/handlers/event_streams.py",
        "/lambent/execution/handlers/event_subscriptions.py",
        "/lambent/execution/handlers/events.py",
        "/lambent/hosts/aws_lambda/delivery_events.py",
        "/lambent/hosts/aws_lambda/check_events.py",
        "/lambent/hosts/aws_lambda/failure_log.py",
        "/lambent/hosts/event_ports.py",
        "/lambent/hosts/events.py",
        "/lambent/hosts/shared_checks.py",
        "/lambent/stores/callbacks.py",
        "/lambent/stores/event_logs.py",
        "/lambent/stores/public_addresses.py",
        "/lambent/stores/redis_logs.py",
    ),
    "source": (
        "/lambent/execution/events/sourcing.py",
        "/lambent/features/source_decorators.py",
        "/lambent/features/source_events.py",
        "/lambent/features/sources.py",
        "/lambent/hosts/aws_lambda/envelopes.py",
        "/lambent/hosts/aws_lambda/source_events.py",
        "/lambent/hosts/aws_lambda/source_records.py",
    ),
    r"asgi|fastapi\w*|mangum|\w*_app": (
        "/lambent/hosts/asgi.py",
        "/lambent/hosts/asgi_workers.py",
        "/lambent/hosts/delivery_threads.py",
        "/lambent/hosts/fastapi.py",
        "/lambent/hosts/process_end.py",
        "/lambent/hosts/readiness.py",
    ),
    "adapt|compat": ("/lambent/hosts/app_scopes.py", "/lambent/hosts/aws_lambda/app_responses.py"),
    r"asgi|compat|fastapi\w*|mangum|\w*_app": (
        "/lambent/hosts/lease_renewal.py",
        "/lambent/hosts/live.py",
        "/lambent/hosts/shared_checks.py",
        "/lambent/hosts/shared_queue.py",
        "/lambent/hosts/shared_tasks.py",
        "/lambent/hosts/shared_work.py",
        "/lambent/hosts/threads.py",
    ),
    "skills?": (
        "/lambent/features/skills",
        "/lambent/execution/handlers/skills.py",
        "/lambent/stores/skills.py",
    ),
}
"""Parts that a server has by a call of a method, such as ``@mcp.event``: a tenth of the smallest function.

The server may come from another module, so any module with the word keeps them, whatever it means by it.
"""

LEFT_OUT_WITHOUT: Final = {
    "redis": (
        "/lambent/stores/redis*.py",
        "/lambent/execution/leased_queue.py",
        "/lambent/hosts/asgi_workers.py",
        "/lambent/hosts/redis_ports.py",
        "/lambent/hosts/shared_*.py",
    )
}
"""Parts that need a package which the artifact of a function does not have."""


def strip(target: Path, users: Sequence[Path] = (), *, streams: bool = False) -> None:
    """Remove what `LEFT_OUT` names, symbols of libraries, descriptions, and docstrings of the library.

    Args:
        target: the folder.
        users: folders with all modules that use it, itself where it is a function's: what none of them names
            is removed too. Without any, nobody knows.
        streams: its responses may be sent while calls run.
    """
    is_binding = _users_of_cffi(target) == {"cryptography"}
    unused = () if streams else LEFT_OUT_UNLESS_STREAMING
    _remove([*LEFT_OUT, *unused, *(COMPILER_OF_BINDINGS if is_binding else ())], target)
    if users:
        sources = [source for folder in users for source in _own_sources(folder)]
        unnamed = _unnamed(LEFT_OUT_UNLESS_IMPORTED, [one for one in sources if b"lambent" in one])
        _remove([*unnamed, *_unnamed(LEFT_OUT_UNLESS_CALLED, sources)], target)
    if target in users:  # in a layer: the package may be in another one
        for package, parts in LEFT_OUT_WITHOUT.items():
            _remove([] if (target / package).exists() else parts, target)
    for path in target.rglob("*.so"):
        path.write_bytes(without_symbols(path.read_bytes()))
    for path in target.glob("*.dist-info/METADATA"):
        path.write_bytes(path.read_bytes().partition(b"\n\n")[0] + b"\n")
    for path in target.glob("lambent/**/*.py"):
        path.write_text(without_docstrings(path.read_text(encoding="utf-8")), encoding="utf-8")


def _remove(patterns: Sequence[str], target: Path) -> None:
    for path in sorted(target.rglob("*"), reverse=True):
        name = f"/{path.relative_to(target).as_posix()}"
        if any(
            fnmatch.fnmatchcase(name, pattern if "/" in pattern else f"*/{pattern}") for pattern in patterns
        ):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _own_sources(folder: Path) -> Iterator[bytes]:
    """The text of the modules in a folder that are not the library's."""
    for path in folder.rglob("*.py"):
        if path.relative_to(folder).parts[0] != "lambent":
            yield path.read_bytes()


def _unnamed(parts: Mapping[str, tuple[str, ...]], sources: Sequence[bytes]) -> Iterator[str]:
    """The patterns of parts whose word is in none of the texts."""
    for name, patterns in parts.items():
        word = re.compile(rf"\b(?:{name})\b".encode())
        if not any(map(word.search, sources)):
            yield from patterns


def _users_of_cffi(target: Path) -> set[str]:
    return {
        file.parent.name.partition("-")[0]
        for file in target.glob("*.dist-info/METADATA")
        if re.search(r"^Requires-Dist: cffi\b", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def without_symbols(library: bytes) -> bytes:
    """A shared library without what only linkers and debuggers read: all that lies behind its segments.

    That is a fifth of cryptography's. The loader finds everything through the segments.

    Args:
        library: a 64-bit little-endian ELF file; anything else is returned as it is.
    """
    if library[:6] != b"\x7fELF\x02\x01":
        return library
    (offset,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    end = offset + size * count
    for number in range(count):
        begin, _, _, length = struct.unpack_from("<4Q", library, offset + size * number + 8)
        end = max(end, begin + length)
    kept = bytearray(library[:end])
    struct.pack_into("<Q", kept, 40, 0)  # where section headers are
    struct.pack_into("<HH", kept, 60, 0, 0)  # how many there are, and which of them has their names
    return bytes(kept)


def without_docstrings(source: str) -> str:
    """The same program without docstrings; every other line keeps its number, for tracebacks.

    They are a third of the library, in its sources and in the bytecode that every cold start reads.
    """
    tree, lines = ast.parse(source), source.splitlines(keepends=True)
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            first, last = text.lineno - 1, (text.end_lineno or text.lineno) - 1
            # A body has to have a statement; a module need not, and imports from the future have to be first.
            lines[first] = "\n" if node in tree.body else " " * text.col_offset + "...\n"
            lines[first + 1 : last + 1] = ["\n"] * (last - first)
    return "".join(lines)
