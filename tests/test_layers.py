"""Imports point only towards the top of the list of layers, and each layer does only what it may."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import lambent

ROOT = Path(lambent.__file__).parent
LAYERS = ["errors", "wire", "auth", "features", "execution", "stores", "hosts", "server", "lambent"]
LAYERS += ["compat", "clients", "cli", "testing"]
"""From the top down; ``lambent`` is the package itself, which gathers what users import."""

THIRD_PARTY = {
    "errors": set[str](),
    "wire": {"msgspec"},
    "auth": {"msgspec", "cryptography", "joserfc"},
    "features": {"msgspec", "pydantic", "pydantic_core", "annotated_types", "yaml"},
    "execution": {"msgspec", "cryptography", "aws_lambda_powertools"},
    "stores": {"msgspec", "boto3", "botocore", "redis"},
    "hosts": {"msgspec", "fastapi", "starlette", "mangum", "anyio", "aws_lambda_powertools"}
    | {"opentelemetry", "snapshot_restore_py"},
    "server": {"msgspec", "fastapi"},
    "lambent": set[str](),
    "compat": {"msgspec", "pydantic", "pydantic_core", "starlette", "uvicorn", "anyio", "mcp", "fastmcp"}
    | {"typing_extensions"},
    "clients": {"anyio", "boto3", "botocore", "mcp"},
    "testing": {"msgspec", "boto3", "moto", "pytest"},
}
"""What a layer may import besides the standard library; the command line, never in Lambda, what it likes."""

UNAVOIDABLE: set[tuple[str, str]] = set()
"""Imports under TYPE_CHECKING that point downwards, as (importing module, imported module)."""

EFFECTS = {"asyncio", "concurrent", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random"}
EFFECTS |= {
    "secrets",
    "select",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
}
"""Modules of the standard library that do something, or know when or where they are."""


class Import(NamedTuple):
    """One import: of which module, on which line, and whether only type checkers see it."""

    module: str
    line: int
    for_types: bool


def modules() -> dict[str, ast.Module]:
    """Every module of the library by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


MODULES = modules()


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports_of(tree: ast.AST, *, for_types: bool = False) -> Iterator[Import]:
    """Every import of a module, late ones and those for type checkers included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(inner if inner in MODULES else str(node.module), node.lineno, for_types)
        elif _is_for_types(node):
            assert isinstance(node, ast.If)
            for child in node.body:
                yield from imports_of(ast.Module([child], []), for_types=True)
            for child in node.orelse:
                yield from imports_of(ast.Module([child], []), for_types=for_types)
        else:
            yield from imports_of(node, for_types=for_types)


def layer_of(module: str) -> str:
    parts = module.split(".")
    if parts[1:] == ["__main__"]:
        return "cli"
    return parts[1] if len(parts) > 1 else parts[0]


def downward(module: str, tree: ast.Module) -> list[str]:
    """The imports of a module that point downwards."""
    rank = LAYERS.index(layer_of(module))
    return [
        f"{module}:{found.line} imports {found.module}"
        for found in imports_of(tree)
        if found.module.split(".")[0] == "lambent"
        and LAYERS.index(layer_of(found.module)) > rank
        and not (found.for_types and (module, found.module) in UNAVOIDABLE)
    ]


def foreign(module: str, tree: ast.Module) -> list[str]:
    """The imports of a module that its layer may not have."""
    allowed = THIRD_PARTY[layer_of(module)] | {"lambent"} | sys.stdlib_module_names
    return [
        f"{module}:{found.line} imports {found.module}"
        for found in imports_of(tree)
        if found.module.split(".")[0] not in allowed
    ]


def packages(tree: ast.Module) -> set[str]:
    """The packages that a module imports from, late or not."""
    return {found.module.split(".")[0] for found in imports_of(tree)}


def environment(module: str, tree: ast.Module) -> list[str]:
    """Where a module reads the environment."""
    words = {"environ", "environb", "getenv", "getenvb", "putenv"}
    return [
        f"{module}:{node.lineno} reads the environment"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in words and ast.unparse(node.value) == "os")
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and words & {a.name for a in node.names})
    ]


def within(*layers: str) -> dict[str, ast.Module]:
    return {module: tree for module, tree in MODULES.items() if layer_of(module) in layers}


def outside(*layers: str) -> dict[str, ast.Module]:
    return {module: tree for module, tree in MODULES.items() if layer_of(module) not in layers}


def test_every_layer_is_known() -> None:
    assert {layer_of(module) for module in MODULES} == set(LAYERS)


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_point_towards_the_top(layer: str) -> None:
    assert [line for module, tree in within(layer).items() for line in downward(module, tree)] == []


@pytest.mark.parametrize("layer", THIRD_PARTY)
def test_layers_depend_on_no_more_than_they_may(layer: str) -> None:
    assert [line for module, tree in within(layer).items() for line in foreign(module, tree)] == []


def test_pydantic_has_one_place() -> None:
    users = {module for module, tree in outside("cli", "compat").items() if "pydantic" in packages(tree)}
    assert users == set(BY_PYDANTIC)


def test_only_hosts_and_tools_read_the_environment() -> None:
    others = outside("hosts", "cli", "testing")
    found = [line for module, tree in others.items() for line in environment(module, tree)]
    assert found == []


def test_only_stores_know_aws() -> None:
    """And clients, the command line, which may start a local one, and fixtures of tests, which do."""
    others = outside("stores", "clients", "cli", "testing")
    users = {module for module, tree in others.items() if packages(tree) & {"boto3", "botocore"}}
    assert users == set()


def test_the_wire_does_nothing() -> None:
    """Bytes in, values out: no IO, no clock, no environment."""
    assert {module: packages(tree) & EFFECTS for module, tree in within("wire").items()} == {
        module: set() for module in within("wire")
    }


@pytest.mark.parametrize(
    ("tool", "also"), [("cli", "testing"), ("testing", "testing"), ("clients", "clients")]
)
def test_tools_are_imported_by_nobody_in_lambda(tool: str, also: str) -> None:
    found = [
        f"{module}:{one.line}"
        for module, tree in outside(tool, also).items()
        for one in imports_of(tree)
        if f"{one.module}.".startswith(f"lambent.{tool}.")
    ]
    assert found == []


def test_names_of_other_libraries_are_loaded_by_who_imports_them() -> None:
    found = [
        f"{module}:{one.line}"
        for module, tree in outside("compat", "cli").items()
        for one in imports_of(tree)
        if one.module.startswith("lambent.compat")
    ]
    assert found == []


BY_PYDANTIC = tuple(
    f"lambent.features.codecs.{name}" for name in ("_pydantic", "_core_schema", "_json_schema")
)
LATE = {"boto3", "botocore", "cryptography", "asyncio", "fastapi", "starlette", "pydantic", "yaml"}
LIVE = tuple(f"lambent.hosts.{name}" for name in ("adapt", "asgi", "live", "stdio", "fastapi"))
"""Hosts that are themselves imported late, as they are no part of a cold start in Lambda, or of one that has
an application which imports the same."""


def test_what_is_dear_is_imported_on_first_use() -> None:
    """At the head of a module it would cost every cold start."""
    found = [
        f"{module}:{one.line} imports {one.module}"
        for module, tree in outside("cli", "testing", "compat").items()
        if not module.startswith((*LIVE, *BY_PYDANTIC))
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for one in imports_of(ast.Module([node], []))
        if one.module.split(".")[0] in LATE and not one.for_types
    ]
    assert found == []


# That the checks can fail


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("lambent.wire.x", "from lambent.execution.endpoint import Endpoint", ["lambent.execution.endpoint"]),
        ("lambent.wire.x", "import lambent.hosts", ["lambent.hosts"]),
        (
            "lambent.wire.x",
            "def f():\n    from lambent.features.tools import Tool",
            ["lambent.features.tools"],
        ),
        ("lambent.wire.x", "if TYPE_CHECKING:\n    from lambent import server", ["lambent.server"]),
        ("lambent.wire.x", "try:\n    pass\nexcept E:\n    import lambent", ["lambent"]),
        ("lambent.hosts.x", "from lambent import cli", ["lambent.cli"]),
        ("lambent.server", "from lambent import Context", ["lambent"]),
        ("lambent.errors", "from lambent.wire import eras", ["lambent.wire.eras"]),
        ("lambent.hosts.x", "from lambent.server import x", ["lambent.server"]),
        ("lambent.execution.x", "from lambent.features.tools import Tool", []),
        ("lambent.cli.x", "from lambent import MCPServer", []),
        ("lambent.cli.x", "from lambent.testing.client import x", ["lambent.testing.client"]),
        ("lambent.testing.x", "from lambent.cli.gateway import events", []),
    ],
)
def test_a_downward_import_is_found(module: str, source: str, found: list[str]) -> None:
    assert [line.split(" imports ")[1] for line in downward(module, ast.parse(source))] == found


@pytest.mark.parametrize(
    ("module", "source", "count"),
    [
        ("lambent.wire.x", "import pydantic", 1),
        ("lambent.errors", "import msgspec", 1),
        ("lambent.features.x", "def f():\n    import boto3", 1),
        ("lambent.stores.x", "def f():\n    import boto3", 0),
    ],
)
def test_a_foreign_import_is_found(module: str, source: str, count: int) -> None:
    assert len(foreign(module, ast.parse(source))) == count


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import os\nos.environ['X']", 1),
        ("import os\nos.getenv('X')", 1),
        ("from os import environ", 1),
        ("import os\nos.urandom(1)", 0),
        ("self.environ", 0),
    ],
)
def test_reading_the_environment_is_found(source: str, count: int) -> None:
    assert len(environment("lambent.wire.x", ast.parse(source))) == count
