"""Installs what Lambda has to be given: pinned packages, the library, and their bytecode.

python layers/bundle.py FOLDER --requirements layers/runtime.txt [--library] [--layer]

Whatever machine it runs on, it installs for Linux on ``--architecture`` and for ``--python``. The same inputs
give the same bytes, so that a layer that did not change gets no new version. It needs uv, and a Python of
that version for the bytecode; without one there is none, which is said.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PLATFORMS = {"x86_64": "x86_64-manylinux_2_17", "arm64": "aarch64-manylinux_2_17"}
"""What wheels have to fit: every Amazon Linux that Lambda's Pythons run on."""

LAYER, FUNCTION = "/opt/python", "/var/task"
"""Where Lambda shows a layer's ``python`` folder, and the code of a function."""

LEFT_OUT = {
    "/bin": "commands",
    "/.lock": "of uv",
    "/cffi": "the compiler of bindings: cryptography needs _cffi_backend, which lies beside it",
    "/lambent/cli": "the command: Lambda imports nothing of it",
    "/lambent/__main__.py": "the same, by the package's name",
    "/lambent/testing": "for tests of servers",
    "/_lambent_pytest.py": "the plugin of pytest",
    "/lambent/hosts/stdio.py": "a host for local processes: no function is one",
    "/lambent/hosts/private_streams.py": "part of the stdio host",
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

Licences stay. So do METADATA, where libraries read versions, and entry points, by which OpenTelemetry finds
its own parts.
"""

NOT_COMPILED = (
    "cryptography/fernet.py",
    "cryptography/hazmat/asn1/*",
    "cryptography/hazmat/primitives/twofactor/*",
)
"""Modules that work, and get no bytecode: nothing here imports them."""

COMPILED_WITH = {
    "joserfc": (
        "cryptography/hazmat/_oid.py",
        "cryptography/hazmat/backends/*",
        "cryptography/hazmat/bindings/openssl/*",
        "cryptography/hazmat/primitives/asymmetric/*",
        "cryptography/hazmat/primitives/kdf/*",
        "cryptography/hazmat/primitives/serialization/*",
        "cryptography/x509/*",
        *(
            f"lambent/auth/{name}.py"
            for name in ("access_tokens", "balancer_keys", "bearer", "cognito", "dpop")
        ),
        *(f"lambent/auth/{name}.py" for name in ("introspection", "issuer_keys", "load_balancer", "oauth")),
        *(f"lambent/auth/{name}.py" for name in ("public_keys", "registration", "warm_up")),
        "lambent/hosts/registration.py",
        "lambent/stores/web.py",
    ),
    "cryptography": ("lambent/execution/rounds/sealing.py", "lambent/execution/rounds/request_state.py"),
    "aws_lambda_powertools": ("lambent/execution/audit/log_sink.py", "lambent/hosts/telemetry/metrics.py"),
    "mangum": tuple(f"lambent/hosts/{name}.py" for name in ("asgi", "fastapi", "live", "threads")),
}
"""Modules that get bytecode only where a package is there, without which nothing imports them.

A layer has them all, as the package may be in another layer. Only modules of cryptography depend on what is
in the same layer: sealing alone imports none of these, and theirs would be 0.2 MB.
"""

TIMESTAMP = 315_619_200
"""1980-01-02, in seconds: the first whole day that a zip can name in every time zone."""


class BundleError(Exception):
    """There is no artifact; the message says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="bundle.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where to; files that are there stay and are compiled too")
    parser.add_argument("--requirements", type=Path, help="packages, every one of them, with exact versions")
    parser.add_argument("--library", action="store_true", help="install lambent, from this checkout")
    parser.add_argument("--layer", action="store_true", help="make a layer: install into FOLDER/python")
    parser.add_argument("--architecture", choices=PLATFORMS, default="x86_64")
    parser.add_argument("--python", default="3.13", metavar="VERSION", help="that Lambda runs; default: 3.13")
    options = parser.parse_args(arguments)
    target = options.folder / "python" if options.layer else options.folder
    try:
        bundle(
            target,
            requirements=options.requirements,
            library=options.library,
            shown_at=LAYER if options.layer else FUNCTION,
            architecture=options.architecture,
            python=options.python,
        )
    except BundleError as error:
        sys.stderr.write(f"bundle.py: {error}\n")
        return 1
    return 0


def bundle(
    target: Path,
    *,
    requirements: Path | None = None,
    library: bool = False,
    shown_at: str = FUNCTION,
    architecture: str = "x86_64",
    python: str = "3.13",
    bytecode: bool = True,
) -> None:
    """Fill a folder with what Lambda imports.

    Args:
        target: the folder, made if it is not there; files in it stay and are compiled as well.
        requirements: a file of pins of all packages; their dependencies are not looked up.
        library: whether to install Lambent.
        shown_at: the path that the folder has in Lambda; tracebacks and bytecode name it.
        architecture: ``x86_64`` or ``arm64``.
        python: the version of Python that Lambda runs, such as ``3.13``.
        bytecode: whether to compile.

    Raises:
        BundleError: something cannot be installed or compiled.
    """
    target.mkdir(parents=True, exist_ok=True)
    install(target, requirements, library, architecture, python)
    strip(target)
    if bytecode:
        interpreter = find_python(python)
        if interpreter is None:
            sys.stderr.write(
                f"bundle.py: no Python {python} on this machine: no bytecode, so every cold start compiles. "
                f"Install one, for example with `uv python install {python}`.\n"
            )
        else:
            compile_sources(target, interpreter, shown_at)
    for path in (target, *target.rglob("*")):
        os.utime(path, (TIMESTAMP, TIMESTAMP))


def install(target: Path, requirements: Path | None, library: bool, architecture: str, python: str) -> None:
    """Install packages and the library; see `bundle`."""
    wanted: list[str | Path] = ["-r", requirements] if requirements else []
    with tempfile.TemporaryDirectory() as folder:
        if library:
            if not (ROOT / "pyproject.toml").is_file():
                raise BundleError(f"{ROOT} does not hold the library: build with --build-in-source")
            # Not straight from the checkout: uv would take the wheel that it made of an earlier state.
            _run(
                [
                    *(*find_uv(), "build", "--quiet", "--python", sys.executable),
                    *("--wheel", "--out-dir", folder, ROOT),
                ]
            )
            wanted.extend(Path(folder).glob("*.whl"))
        if wanted:
            _run(
                [
                    *(*find_uv(), "pip", "install", "--quiet", "--python", sys.executable),
                    *("--target", target, "--no-deps"),
                    *("--python-version", python, "--python-platform", PLATFORMS[architecture]),
                    # A copy: what is done to the files here must not happen to those in uv's cache.
                    *("--only-binary", ":all:", "--link-mode", "copy", *wanted),
                ]
            )


def strip(target: Path) -> None:
    """Remove what `LEFT_OUT` names, symbols of shared libraries, and docstrings of the library."""
    for path in sorted(target.rglob("*"), reverse=True):
        name = f"/{path.relative_to(target).as_posix()}"
        if any(
            fnmatch.fnmatchcase(name, pattern if "/" in pattern else f"*/{pattern}") for pattern in LEFT_OUT
        ):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in target.rglob("*.so"):
        path.write_bytes(without_symbols(path.read_bytes()))
    for path in target.glob("lambent/**/*.py"):
        path.write_text(without_docstrings(path.read_text(encoding="utf-8")), encoding="utf-8")


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


def compile_sources(target: Path, interpreter: Path, shown_at: str) -> None:
    """Write bytecode that is loaded without a look at its source, whose timestamp Lambda does not keep.

    Args:
        target: the folder.
        interpreter: a Python of the version that Lambda runs.
        shown_at: the path that the folder has in Lambda.
    """
    left_out = not_compiled(target, shown_at)
    sources = [
        path
        for path in sorted(target.rglob("*.py"))
        if not any(fnmatch.fnmatchcase(path.relative_to(target).as_posix(), pattern) for pattern in left_out)
    ]
    _run(
        [
            *(interpreter, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"),
            *("-s", target, "-p", shown_at, "-i", "-"),
        ],
        # Sets are written in the order of their hashes.
        environment={"PYTHONHASHSEED": "0"},
        stdin="\n".join(map(str, sources)),
    )


def not_compiled(target: Path, shown_at: str) -> list[str]:
    """The patterns of modules in a folder that get no bytecode; see `COMPILED_WITH`."""
    found = list(NOT_COMPILED)
    for package, patterns in COMPILED_WITH.items():
        if not (target / package).exists():
            found += [each for each in patterns if shown_at == FUNCTION or each.startswith("cryptography/")]
    return found


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


def find_python(version: str) -> Path | None:
    """A real interpreter of a version; None if there is none.

    A pyenv shim is an executable and no interpreter, and uv stops at the first one that it meets.

    Args:
        version: such as ``3.13``.
    """
    name = f"python{version}"
    for candidate in (Path(sys.executable), *_candidates(name)):
        if os.access(candidate, os.X_OK):
            script = "import sys; print('%d.%d' % sys.version_info[:2])"
            done = subprocess.run(  # noqa: S603 - an interpreter of the user's own
                [candidate, "-I", "-c", script], capture_output=True, text=True, check=False
            )
            if done.returncode == 0 and done.stdout.strip() == version:
                return candidate
    return None


def _candidates(name: str) -> Iterator[Path]:
    for folder in os.get_exec_path():
        yield Path(folder, name)
    homes = (
        Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions",
        Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local" / "share" / "uv" / "python"),
    )
    for home in homes:
        yield from sorted(home.glob(f"*/bin/{name}"), reverse=True)


def find_uv() -> list[str | Path]:
    """The command of uv: beside this interpreter, in the checkout's environment, or on PATH.

    Raises:
        BundleError: there is none.
    """
    places = (Path(sys.executable).with_name("uv"), ROOT / ".venv" / "bin" / "uv", shutil.which("uv"))
    for place in places:
        if place and os.access(place, os.X_OK):
            return [place]
    raise BundleError("uv is needed: run `make setup`, or install it with `pip install uv`")


def _run(command: Sequence[str | Path], environment: dict[str, str] | None = None, stdin: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - uv, or an interpreter of the user's own
        list(map(str, command)),
        env={**os.environ, **(environment or {})},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BundleError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
