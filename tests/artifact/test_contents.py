"""What is in an artifact, and what is not."""

import _imp
import fnmatch
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.artifact.artifacts import FUNCTIONS, IN_LAMBDA, LIMITS, PYTHON, ROOT, TARGETS

from lambent.cli.artifact.bytecode import FUNCTION, LAYER, find_python, not_compiled
from lambent.cli.artifact.contents import LEFT_OUT
from lambent.cli.artifact.sizes import archive

Build = Callable[..., Path]

ALL = pytest.mark.parametrize("name", [name for name in TARGETS if name != "cards"])
COMPILED = pytest.mark.skipif(
    find_python(PYTHON) is None, reason=f"there is no Python {PYTHON} on this machine"
)
_RUNTIME = {"_cffi_backend", "cryptography", "joserfc", "lambent", "msgspec"}
EXPECTED = {
    "runtime": _RUNTIME,
    "streaming": _RUNTIME,
    "extras": {
        *("annotated_doc", "annotated_types", "anyio", "aws_lambda_powertools", "fastapi", "idna", "mangum"),
        *(
            "opentelemetry",
            "pydantic",
            "pydantic_core",
            "starlette",
            "typing_extensions",
            "typing_inspection",
        ),
    },
    "hello": {"app", "lambent", "msgspec"},
}
SHOWN_AT = {
    **dict.fromkeys(("runtime", "streaming", "extras"), "/opt/python"),
    "hello": "/var/task",
}
UNCHECKED_HASH = 0b01


def importable(folder: Path) -> Path:
    """The folder of an artifact that is on Lambda's path."""
    return folder / "python" if (folder / "python").is_dir() else folder


@ALL
def test_it_holds_what_it_should_and_nothing_that_lambda_carries(name: str, artifact: Build) -> None:
    entries = {path.name for path in importable(artifact(name)).iterdir()} - {"__pycache__"}
    modules = {entry.partition(".")[0] for entry in entries if not entry.endswith(".dist-info")}
    assert modules == EXPECTED[name]
    assert not modules & IN_LAMBDA


@ALL
def test_every_package_keeps_its_licence_and_its_version(name: str, artifact: Build) -> None:
    infos = list(importable(artifact(name)).glob("*.dist-info"))
    assert infos
    for info in infos:
        fields, _, description = (info / "METADATA").read_text(encoding="utf-8").partition("\n\n")
        assert re.search(r"^Version: \d", fields, re.MULTILINE)
        assert not description
        assert any((info / "licenses").iterdir()), info
        kept = {path.name for path in info.iterdir()}
        assert kept <= {"METADATA", "licenses", "entry_points.txt"}, info


@ALL
def test_nothing_names_this_machine(name: str, artifact: Build) -> None:
    folder = artifact(name)
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(folder).encode() not in content, path
            assert str(ROOT).encode() not in content, path


@COMPILED
@ALL
def test_bytecode_is_loaded_without_a_look_at_its_source(name: str, artifact: Build) -> None:
    folder = importable(artifact(name))
    compiled = list(folder.rglob("*.pyc"))
    assert len(compiled) > 20
    for path in compiled:
        magic, flags, digest = struct.unpack("<4sI8s", path.read_bytes()[:16])
        assert flags == UNCHECKED_HASH, path
        if path.relative_to(folder).parts[0] == "lambent":
            source = path.with_suffix(".py")
            assert not source.exists()
        else:
            source = path.parents[1] / re.sub(r"\.cpython-313\.pyc$", ".py", path.name)
            key = int.from_bytes(magic, "little")  # importlib.util only knows that of its own version
            assert digest == _imp.source_hash(key, source.read_bytes()), path
        shown = f"{SHOWN_AT[name]}/{source.relative_to(folder).as_posix()}"
        assert shown.encode() in path.read_bytes(), path
        assert magic == compiled[0].read_bytes()[:4]


@COMPILED
@ALL
def test_every_source_has_bytecode_unless_it_is_never_imported(name: str, artifact: Build) -> None:
    folder = importable(artifact(name))
    without = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if not (path.parent / "__pycache__" / f"{path.stem}.cpython-313.pyc").exists()
    }
    left_out = not_compiled(folder, FUNCTION if name == "hello" else LAYER)
    assert all(any(fnmatch.fnmatchcase(path, each) for each in left_out) for path in without), without
    assert bool(without) == (name in ("runtime", "streaming", "hello"))
    if name != "extras":
        assert (folder / "lambent/execution/execute.pyc").is_file()
        assert not list(folder.glob("lambent/**/__pycache__"))
        assert (folder / "lambent/auth/bearer.pyc").is_file() == (name != "hello")
        assert (folder / "lambent/auth/bearer.py").is_file() == (name == "hello")


@pytest.mark.parametrize("name", TARGETS)
def test_the_same_inputs_give_the_same_bytes(name: str, artifact: Build) -> None:
    assert archive(artifact(name)) == archive(artifact(name, again=1))


def test_the_cards_are_one_file(artifact: Build) -> None:
    folder = artifact("cards")
    assert [path.name for path in folder.rglob("*")] == ["cards.json"]
    assert str(ROOT) not in (folder / "cards.json").read_text()


def test_another_architecture_has_other_libraries(artifact: Build) -> None:
    machines = {
        architecture: {
            struct.unpack_from("<H", path.read_bytes(), 18)[0]
            for path in artifact("runtime", architecture).rglob("*.so")
        }
        for architecture in ("x86_64", "arm64")
    }
    assert machines == {"x86_64": {62}, "arm64": {183}}  # EM_X86_64, EM_AARCH64


@COMPILED
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_hello_keeps_its_limit(architecture: str, artifact: Build) -> None:
    size = len(archive(artifact("hello", architecture)))
    assert size <= 990_000 < LIMITS["HelloFunction"]


@COMPILED
@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_orders_and_its_layer_keep_their_limit(architecture: str, artifact: Build) -> None:
    size = len(archive(artifact("runtime", architecture))) + len(archive(FUNCTIONS / "orders"))
    assert size <= LIMITS["OrdersFunction"]


@ALL
def test_what_is_left_out_is_left_out(name: str, artifact: Build) -> None:
    folder = importable(artifact(name))
    for pattern in LEFT_OUT:
        found = list(folder.glob(pattern[1:]) if pattern.startswith("/") else folder.rglob(pattern))
        assert not found, pattern
