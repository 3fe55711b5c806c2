"""SnapStart: Lambda takes a snapshot of an initialized process, and starts copies of it.

Before the snapshot, the process does the work that otherwise the first requests would do. After a restore it
replaces what must not be the same in two copies: random numbers, secrets and connections. Ids, nonces and
lease owners come from ``os.urandom``, which differs in each copy; the time is read when it is needed.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from lambent.errors import ConfigurationError
from lambent.execution.call import Services
from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import CallerLoop
from lambent.execution.execute import Executor
from lambent.execution.invocation import Invocation
from lambent.hosts.settings import Settings
from lambent.stores.keys import ProcessKeys
from lambent.wire import jsonrpc
from lambent.wire.eras import MODERN
from lambent.wire.http import JSON_TYPE, SSE_TYPE, Request

_METHODS = ("server/discover", "tools/list", "resources/list", "resources/templates/list", "prompts/list")
"""Methods that call no function of the server's author."""


def register(services: Services, settings: Settings) -> None:
    """Make Lambda call ``prime`` before the snapshot, and ``renew`` after each restore.

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
    """Do the work of first requests, without calling a function of the server."""
    # Without middleware, which is the author's code and may have effects.
    endpoint, run = Endpoint(Executor(services), settings.http_policy), CallerLoop()
    for method in _METHODS:
        endpoint.handle(_request(method), Invocation(run))
    unknown = "none"
    while unknown in services.catalog.tools:
        unknown += "-"
    endpoint.handle(_request("tools/call", name=unknown, arguments={}), Invocation(run))

    if any(signature.is_async for signature in services.catalog.signatures):
        import asyncio  # noqa: F401
    if any(signature.needs_journal for signature in services.catalog.signatures):
        import lambent.execution.handlers.journaled_tools
        import lambent.execution.rounds.steps
        import lambent.features.forms  # noqa: F401
    if services.guard is not None:
        with contextlib.suppress(ImportError):  # joserfc may be missing if no caller has tokens
            from lambent.auth.warm_up import warm_up

            warm_up()
        # What fetches keys, and looks up the addresses of hosts.
        import encodings.idna  # noqa: F401
        import http.client  # noqa: F401
        import ssl  # noqa: F401
    if services.tasks is not None:
        with contextlib.suppress(ImportError):  # installed in workers only
            from aws_lambda_powertools.utilities import batch  # noqa: F401
    if settings.state_keys or settings.state_secret is not None:
        with contextlib.suppress(ConfigurationError):  # cryptography may be missing if no tool asks questions
            from lambent.hosts.aws_lambda.rotation import seal_and_open

            seal_and_open(ProcessKeys())
    resources = {
        "dynamodb": settings.table,
        "sqs": settings.task_queue_url,
        "s3": settings.bucket,
        "secretsmanager": settings.state_secret,
    }
    for service in filter(resources.get, resources):
        from lambent.stores.aws import client

        client(service)  # it connects at first use
    if settings.redis is not None:
        from lambent.stores import redis

        redis.make_client(settings.redis)  # the same


def renew(services: Services) -> None:
    """Replace what two copies must not share, and what does not work after a restore."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "lambent.stores.aws" in sys.modules:
        sys.modules["lambent.stores.aws"].close_connections()
    if "lambent.stores.redis" in sys.modules:
        sys.modules["lambent.stores.redis"].close_clients()
    services.keys.forget()


def _request(method: str, **params: Any) -> Request:
    version = MODERN.version
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 0, "method": method, "params": {**params, "_meta": meta}}
    headers = {
        "accept": f"{JSON_TYPE}, {SSE_TYPE}",
        "content-type": JSON_TYPE,
        "mcp-method": method,
        "mcp-name": params.get("name", ""),
        "mcp-protocol-version": version,
    }
    return Request("POST", "/", headers, jsonrpc.encode(message))
