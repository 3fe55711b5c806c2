"""What is left out of artifacts."""

import ast
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import lambent
from lambent.cli.artifact.contents import (
    LEFT_OUT,
    LEFT_OUT_UNLESS_CALLED,
    LEFT_OUT_UNLESS_IMPORTED,
    LEFT_OUT_UNLESS_STREAMING,
    strip,
    without_docstrings,
    without_symbols,
)


def test_packages_that_are_not_used_are_removed_wherever_their_pattern_says(tmp_path: Path) -> None:
    kept = ["lambent/server.py", "lambent/bin/tool.py", "lambent/cli_like.py", "own/cffi/x.py"]
    removed = [
        *("bin/tool", "lambent/cli/main.py", "pydantic/deep/types.pyi", "pydantic/py.typed"),
        *("anyio/tests/test_x.py", "x-1.dist-info/RECORD", "x-1.dist-info/sboms/x.json"),
    ]
    for name in (*kept, *removed):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    strip(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)


PARTS = {
    "compat": "compat/__init__.py",
    "adapt": "hosts/adapt/__init__.py",
    "clients": "clients/__init__.py",
    "router": "hosts/aws_lambda/router.py",
    "events": "execution/events/service.py",
    "source": "features/sources.py",
    "asgi": "hosts/asgi.py",
    "skills": "features/skills/shelf.py",
}
"""A module of each part that is left out where nothing names it."""


@pytest.mark.parametrize(
    ("source", "is_function", "kept"),
    [
        ("from lambent import MCPServer", True, []),
        ("import compat, adapt", True, []),
        ("from lambent import MCPServer", False, list(PARTS)),
        ("from lambent.compat import MCPServer", True, ["compat"]),
        ("from lambent import (\n    compat,\n)", True, ["compat"]),
        ("import lambent\nhandler = lambent.adapt(app)", True, ["adapt"]),
        ("from lambent.clients import LambdaTransport", True, ["clients"]),
        ("from lambent import FunctionRouter", True, ["router"]),
        ("from lambent.hosts.aws_lambda.router import FunctionRouter", True, ["router"]),
        # The server is one of another module, so this one does not name the library.
        ('from server import mcp\n@mcp.event("paid", payload=Paid)', True, ["events"]),
        ("def pay(ctx):\n    ctx.events.emit(name, payload)", True, ["events"]),
        ("from server import mcp\n@mcp.source.sns(topic=topic)", True, ["events", "source"]),
        ("from server import mcp\nhandler = Mangum(mcp.asgi())", True, ["asgi"]),
        ("application.include_router(mcp.fastapi_router())", True, ["asgi"]),
        ("application = mcp.streamable_http_app()", True, ["asgi"]),
        ('from server import mcp\nmcp.skill("skills/monthly")', True, ["skills"]),
        ('declare = getattr(mcp, "skills")', True, ["skills"]),
        ("from lambent import MCPServer  # prevents, eventually, skillful", True, []),
    ],
)
def test_parts_that_no_module_of_a_function_names(
    source: str, is_function: bool, kept: list[str], tmp_path: Path
) -> None:
    for name in PARTS.values():
        path = tmp_path / "lambent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('"""lambent.compat, lambent.adapt, events, skills"""')
    (tmp_path / "_lambent_pytest.py").write_text("from lambent.testing import event  # which is left out")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "app.py").write_text(source)
    strip(tmp_path, (tmp_path,) if is_function else ())
    assert [part for part, name in PARTS.items() if (tmp_path / "lambent" / name).exists()] == kept


def test_parts_of_a_layer_that_no_function_names(tmp_path: Path) -> None:
    layer, functions = tmp_path / "layer", tmp_path / "functions"
    for name in PARTS.values():
        (layer / "lambent" / name).parent.mkdir(parents=True, exist_ok=True)
        (layer / "lambent" / name).write_text("")
    for name, source in (("orders", "@mcp.event(name)"), ("reports", "import lambent.compat")):
        (functions / name).mkdir(parents=True)
        (functions / name / "app.py").write_text(source)
    strip(layer, (functions,))
    assert [part for part, name in PARTS.items() if (layer / "lambent" / name).exists()] == [
        "compat",
        "events",
    ]


@pytest.mark.parametrize("package", ["redis", "other"])
@pytest.mark.parametrize("is_function", [True, False])
def test_parts_go_with_the_package_that_they_need(package: str, is_function: bool, tmp_path: Path) -> None:
    names = ["lambent/stores/redis.py", "lambent/stores/redis_queue.py", "lambent/stores/memory.py"]
    for name in (*names, f"{package}/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    strip(tmp_path, (tmp_path,) if is_function else (tmp_path / package,))
    is_kept = package == "redis" or not is_function
    assert [(tmp_path / name).exists() for name in names] == [is_kept, is_kept, True]


@pytest.mark.parametrize("parts", [LEFT_OUT_UNLESS_IMPORTED, LEFT_OUT_UNLESS_CALLED])
def test_parts_are_where_they_are_left_out(parts: Mapping[str, tuple[str, ...]]) -> None:
    library = Path(lambent.__file__).parents[1]
    missing = [one for patterns in parts.values() for one in patterns if not (library / one[1:]).exists()]
    assert missing == []


@pytest.mark.parametrize("streams", [False, True])
def test_what_streams_is_left_out_unless_it_is_asked_for(streams: bool, tmp_path: Path) -> None:
    library = Path(lambent.__file__).parents[1]
    for pattern in LEFT_OUT_UNLESS_STREAMING:
        assert (library / pattern[1:]).exists()
        path = tmp_path / pattern[1:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("") if path.suffix else path.mkdir()
    strip(tmp_path, streams=streams)
    assert [(tmp_path / pattern[1:]).exists() for pattern in LEFT_OUT_UNLESS_STREAMING] == [streams] * len(
        LEFT_OUT_UNLESS_STREAMING
    )


@pytest.mark.parametrize(
    "words",
    [
        *("", "event", "source", "skill", "asgi", "compat", "adapt", "clients", "router"),
        *("event, skill", "event, source"),
    ],
)
def test_what_is_kept_imports_nothing_that_is_left_out(words: str) -> None:
    library = Path(lambent.__file__).parents[1]
    modules = {
        f"/{path.relative_to(library).as_posix()}": path for path in sorted(library.rglob("lambent/**/*.py"))
    }
    optional = LEFT_OUT_UNLESS_CALLED | LEFT_OUT_UNLESS_IMPORTED
    parts = [patterns for word, patterns in optional.items() if not re.search(word, words)]
    always = [pattern for pattern in LEFT_OUT if pattern.startswith("/lambent/")]
    unnamed = [pattern for patterns in parts for pattern in patterns]
    left_out = {dotted(name) for name in modules if name.startswith((*always, *unnamed))}
    found = [
        f"{name} imports {imported}"
        for name, path in modules.items()
        if dotted(name) not in left_out
        for imported in imported_at_once(ast.parse(path.read_text(encoding="utf-8")).body)
        if imported in left_out
    ]
    assert left_out
    assert found == []


def dotted(name: str) -> str:
    return name[1:].removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported_at_once(body: list[ast.stmt]) -> Iterator[str]:
    """The names that a module imports before it is used, and what they may be in."""
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
            yield from imported_at_once([*node.body, *node.orelse])
        elif isinstance(node, ast.Try | ast.ClassDef):
            yield from imported_at_once(node.body)


@pytest.mark.parametrize(
    ("users", "kept"), [(["cryptography"], False), (["cryptography", "pynacl"], True), ([], True)]
)
def test_the_compiler_of_bindings_is_for_whoever_asks_for_it(
    users: list[str], kept: bool, tmp_path: Path
) -> None:
    for name in ("cffi/api.py", "pycparser/lexer.py", "_cffi_backend.so"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    for name in users:
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info" / "METADATA").write_text(
            f"Name: {name}\nRequires-Dist: cffi>=2 ; x\n"
        )
    strip(tmp_path)
    assert (tmp_path / "_cffi_backend.so").exists()
    assert [(tmp_path / name).exists() for name in ("cffi", "pycparser")] == [kept, kept]


DOCUMENTED = '''\
"""A module,

on three lines."""

from __future__ import annotations

LIMIT = 1
"""Of something."""


class Empty(Exception):
    """Only this."""


def add(a: int, b: str = """not a docstring""") -> int:
    """Adds: "ä".

    More.
    """
    return fail(a)  # line 20


async def fail(a: int) -> None:
    """Fails."""
'''


def test_docstrings_are_left_out_and_lines_keep_their_numbers() -> None:
    bare = without_docstrings(DOCUMENTED)
    assert [line.strip() for line in bare.splitlines() if line.strip()] == [
        "from __future__ import annotations",
        "LIMIT = 1",
        "class Empty(Exception):",
        "...",
        'def add(a: int, b: str = """not a docstring""") -> int:',
        "...",
        "return fail(a)  # line 20",
        "async def fail(a: int) -> None:",
        "...",
    ]
    assert bare.count("\n") == DOCUMENTED.count("\n")
    assert bare.splitlines()[19].strip() == "return fail(a)  # line 20"
    namespace: dict[str, object] = {}
    exec(compile(bare, "bare", "exec"), namespace)
    assert [namespace[name].__doc__ for name in ("Empty", "add", "fail")] == [None] * 3


# Shared libraries.


def elf(program_headers: list[tuple[int, int]], size: int) -> bytes:
    """A library of some bytes whose segments lie where they are said to: offset and length."""
    head = bytearray(b"\x7fELF\x02\x01\x01".ljust(64, b"\0"))
    struct.pack_into("<QQ", head, 32, 64, 999)
    struct.pack_into("<HHHHH", head, 54, 56, len(program_headers), 64, 7, 6)
    for offset, length in program_headers:
        head += struct.pack("<II6Q", 1, 5, offset, 0, 0, length, length, 4096)
    return bytes(head.ljust(size, b"x"))


def test_symbols_lie_behind_the_segments() -> None:
    library = elf([(0, 300), (400, 100)], 900)
    kept = without_symbols(library)
    assert len(kept) == 500
    assert kept[64:] == library[64:500]
    assert struct.unpack_from("<Q", kept, 40) == (0,)
    assert struct.unpack_from("<HH", kept, 60) == (0, 0)


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF\x01\x01" + b"x" * 90, b"!<arch>\n", b"\xcf\xfa\xed\xfe" * 30]
)
def test_other_files_stay_as_they_are(content: bytes) -> None:
    assert without_symbols(content) == content
