"""SnapStart: Lambda copies an initialized process, and each copy goes on as if it were the first.

Before the snapshot is taken, what first requests would otherwise do is done once for all copies. After a
restore, whatever must not be the same in two of them is made anew: random numbers, secrets, connections.
Ids, nonces and names of owners come from ``os.urandom``, which the system keeps apart by itself; times are
read when they are needed.

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
"""Whatever they answer, no function of the server's author is called for it."""


def register(services: Services, settings: Settings) -> None:
    """Have Lambda call ``prime`` before it takes a snapshot, and ``renew`` after each restore.

    Args:
        services: what every call of the server shares.
        settings: of the deployment.

    Raises:
        ConfigurationError: the runtime has no hooks, as container images have none.
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
    """Do once what every copy would do for its first requests. No function of the server is called for it.

    Args:
        services: what every call of the server shares.
        settings: of the deployment.
    """
    # Without middleware: it is the author's, and may count, write or ask somebody.
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
        with contextlib.suppress(ImportError):  # only workers have it
            from aws_lambda_powertools.utilities import batch  # noqa: F401
    if settings.state_keys or settings.state_secret is not None:
        with contextlib.suppress(ConfigurationError):  # a function that never asks has no cryptography
            _seal_and_open()
    _make_clients(settings)


def renew(services: Services) -> None:
    """Make anew what no two copies may share, or what does not survive.

    Args:
        services: what every call of the server shares.
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
    """Load what sealing takes, with a key that nobody ever sees."""
    sealer = Sealer(ProcessKeys(), time.time, 60, "")
    binding = Binding("", "", "", "", "")
    sealer.open(sealer.seal(binding, State()), binding)


def _make_clients(settings: Settings) -> None:
    """Make the clients that the settings call for. They connect when they are used."""
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
