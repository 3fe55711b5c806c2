"""The bytecode of an artifact, so that no cold start compiles."""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lambent.cli.artifact.tools import run

LAYER: Final = "/opt/python"
FUNCTION: Final = "/var/task"
"""Where Lambda shows a layer's ``python`` folder, and the code of a function."""

NOT_COMPILED: Final = (
    "cryptography/fernet.py",
    "cryptography/hazmat/asn1/*",
    "cryptography/hazmat/primitives/twofactor/*",
)
"""Modules that work, and get no bytecode: nothing here imports them."""

COMPILED_WITH: Final = {
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
    "aws_lambda_powertools": (
        "lambent/execution/audit/log_sink.py",
        "lambent/hosts/telemetry/metrics.py",
        "lambent/hosts/telemetry/tracer.py",
    ),
    "pydantic": tuple(
        f"lambent/features/codecs/{name}.py"
        for name in ("_core_schema", "_json_schema", "_pydantic", "_validator")
    ),
    "opentelemetry": ("lambent/hosts/telemetry/otel.py",),
    "mangum": (
        *(f"lambent/hosts/{name}.py" for name in ("asgi", "delivery_threads", "fastapi", "lease_renewal")),
        *(f"lambent/hosts/{name}.py" for name in ("live", "process_end", "readiness", "threads")),
    ),
}
"""Modules that get bytecode only where a package is there, without which nothing imports them.

A layer has them all, as the package may be in another layer. Only modules of cryptography depend on what is
in the same layer: sealing alone imports none of these, and theirs would be 0.2 MB.
"""


def compile_sources(target: Path, interpreter: Path, shown_at: str) -> None:
    """Write bytecode that is loaded without a look at its source, whose timestamp Lambda does not keep.

    The library's own bytecode takes the place of its sources: they are a quarter of a small function. A
    traceback names its files and lines as before, and shows the text of lines of other packages alone.

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
    run(
        [
            *(interpreter, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"),
            *("-s", target, "-p", shown_at, "-i", "-"),
        ],
        # Sets are written in the order of their hashes.
        environment={"PYTHONHASHSEED": "0"},
        stdin="\n".join(map(str, sources)),
    )
    for source in sources:
        if source.is_relative_to(target / "lambent"):
            [compiled] = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
            compiled.rename(source.with_suffix(".pyc"))
            source.unlink()
    for folder in target.glob("lambent/**/__pycache__"):
        folder.rmdir()


def not_compiled(target: Path, shown_at: str) -> list[str]:
    """The patterns of modules in a folder that get no bytecode; see `COMPILED_WITH`."""
    found = list(NOT_COMPILED)
    for package, patterns in COMPILED_WITH.items():
        if not (target / package).exists():
            found += [each for each in patterns if shown_at == FUNCTION or each.startswith("cryptography/")]
    return found


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
