"""A function in a process of its own, under one of the clients of the Runtime API."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import dedent

from tests.artifact.runtime_api import ExecutionEnvironment

import lambent

OURS = "lambent.hosts.aws_lambda.runtime_client"
MANAGED = "awslambdaric"
CLIENTS = (MANAGED, OURS)


@contextlib.contextmanager
def running(
    folder: Path,
    source: str,
    client: str = OURS,
    *,
    handler: str = "app.handler",
    variables: Mapping[str, str] | None = None,
) -> Iterator[ExecutionEnvironment]:
    """Run ``app.py`` with this source.

    Both clients are told the same things, so what they say must not depend on the folder.
    """
    root = folder / "task"
    root.mkdir(exist_ok=True)
    (root / "app.py").write_text(dedent(source))
    path = os.pathsep.join((str(root), str(Path(lambent.__file__).parent.parent)))
    given = {"PYTHONPATH": path, **(variables or {})}
    with ExecutionEnvironment(
        Path(sys.executable), root, handler=handler, variables=given, client=client
    ) as environment:
        yield environment
