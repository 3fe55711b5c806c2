"""SnapStart: Lambda takes a snapshot of an initialized process, and starts copies of it.

Before the snapshot, the process does the work that otherwise the first requests would do. After a restore it
replaces what must not be the same in two copies: random numbers, secrets and connections. Ids, nonces and
lease owners come from ``os.urandom``, which differs in each copy; the time is read when it is needed.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from lambent.errors import ConfigurationError
from lambent.execution.call import Services
from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import CallerLoop
from lambent.execution.execute import Executor
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.sealing import Binding, Sealer, State
from lambent.hosts.settings import Settings
from lambent.stores.keys import ProcessKeys
from lambent.wire import jsonrpc
from lambent.wire.eras import SUPPORTED_VERSIONS
from lambent.wire.http import JSON_TYPE, Request

_METHODS = ("server/discover", "tools/list", "resources/list", "resources/templates/list", "prompts/list")
"""Methods that call no function of the server's author."""


def register(services: Services, settings: Settings) -> None:
    """Make Lambda call ``prime`` before the snapshot, and ``renew`` after each restore.

    Args:
        services: shared by all calls of the server.
        settings: of the deployment.

    Raises:
        ConfigurationError: the runtime has no hooks, such as in a container image.
    """
    try:
        from snapshot_restore_py import register_after_restore, register_before_snapshot
    except ImportError as error:
        raise ConfigurationError(
            "SnapStart needs the runtime's hooks: pip install snapshot-restore-py"
        ) from error

    register_before_snapshot(prime, services, settings)
    register_after_restore(renew, services)


def prime(services: Services, settings: Settings) -> None:
    """Do the work of first requests before the snapshot, without calling a function of the server.

    Args:
        services: shared by all calls of the server.
        settings: of the deployment.
    """
    # Without middleware, which is the author's code and may have effects.
    endpoint, run = Endpoint(Executor(services), settings.http_policy), CallerLoop()
    for method in _METHODS:
        endpoint.handle(_request(method), Invocation(run))
    name = "none"
    while name in services.catalog.tools:
        name += "-"
    endpoint.handle(_request("tools/call", name, arguments={}), Invocation(run))

    if _is_async(services):
        import asyncio  # noqa: F401
    if services.tasks is not None:
        with contextlib.suppress(ImportError):  # installed in workers only
            from aws_lambda_powertools.utilities import batch  # noqa: F401
    if settings.state_keys or settings.state_secret is not None:
        with contextlib.suppress(ConfigurationError):  # cryptography may be missing if no tool asks questions
            _seal_and_open()
    _make_clients(settings)


def renew(services: Services) -> None:
    """Replace what two copies must not share, and what does not work after a restore.

    Args:
        services: shared by all calls of the server.
    """
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "lambent.stores.aws" in sys.modules:
        sys.modules["lambent.stores.aws"].close_connections()
    services.sealer.forget()


def _request(method: str, name: str | None = None, **params: Any) -> Request:
    meta = {
        "io.modelcontextprotocol/protocolVersion": SUPPORTED_VERSIONS[0],
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "accept": f"{JSON_TYPE}, text/event-stream",
        "content-type": JSON_TYPE,
        "mcp-method": method,
        "mcp-protocol-version": SUPPORTED_VERSIONS[0],
    }
    if name is not None:
        headers["mcp-name"] = params["name"] = name
    message = {"jsonrpc": "2.0", "id": 0, "method": method, "params": {**params, "_meta": meta}}
    return Request("POST", "/", headers, jsonrpc.encode(message))


def _is_async(services: Services) -> bool:
    return any(signature.is_async for signature in services.catalog.signatures)


def _seal_and_open() -> None:
    """Load what sealing needs, with a key that is not used for anything else."""
    sealer = Sealer(ProcessKeys(), time.time, 60, "")
    binding = Binding("", "", "", "", "")
    sealer.open(sealer.seal(binding, State()), binding)


def _make_clients(settings: Settings) -> None:
    """Make the AWS clients that the settings need. They connect at first use."""
    services = {
        "dynamodb": settings.table,
        "sqs": settings.task_queue_url,
        "s3": settings.bucket,
        "secretsmanager": settings.state_secret,
    }
    for service, name in services.items():
        if name is not None:
            from lambent.stores.aws import client

            client(service)
