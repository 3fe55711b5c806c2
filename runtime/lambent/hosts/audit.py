"""The audit of a deployment: which sinks its settings name, and what its records say."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lambent.errors import ConfigurationError
from lambent.execution.audit.arguments import Arguments
from lambent.execution.audit.config import POLICIES, ArgumentPolicy, Audit
from lambent.execution.audit.recorder import Recorder

if TYPE_CHECKING:
    from lambent.execution.ports import AuditSink, Clock
    from lambent.hosts.settings import Settings

_KINDS = "log, eventbridge:<bus>, firehose:<stream>, dynamodb or dynamodb:<table>"


def make_recorder(server: str, audit: Audit | None, settings: Settings, clock: Clock = time.time) -> Recorder:
    """The recorder of a server with this name; what its code leaves open is as the settings say.

    Raises:
        ConfigurationError: a sink or the policy cannot be used; the message says which and why.
    """
    audit = audit or Audit()
    named = audit.sinks if audit.sinks is not None else settings.audit or ("log",)
    sinks = [_sink(one, server, settings) if isinstance(one, str) else one for one in named]
    required = settings.audit_required if audit.required is None else audit.required
    is_keyed = bool(settings.state_keys) or settings.state_secret is not None
    arguments = Arguments(audit.arguments or _policy(settings.audit_arguments), keyed=is_keyed)
    return Recorder(server, sinks, arguments, clock, required=required, xray_trace=_xray_trace)


def _policy(name: str) -> ArgumentPolicy:
    found = next((one for one in POLICIES if one == name), None)
    if found is None:
        raise ConfigurationError(
            f"LAMBENT_AUDIT_ARGUMENTS must be one of {', '.join(POLICIES)}, not {name!r}"
        )
    return found


def _sink(spec: str, server: str, settings: Settings) -> AuditSink:
    kind, _, name = spec.partition(":")
    if spec == "log":
        from lambent.execution.audit.log_sink import LogSink

        return LogSink(server)
    if kind == "dynamodb" and not name and spec == kind:
        if settings.table is None:
            raise ConfigurationError("The audit sink 'dynamodb' needs LAMBENT_TABLE, or dynamodb:<table>")
        name = settings.table
    if not name or kind not in ("eventbridge", "firehose", "dynamodb"):
        raise ConfigurationError(f"An audit sink is {_KINDS}, not {spec!r}")
    from lambent.stores.audit import DynamoDbSink, EventBridgeSink, FirehoseSink

    kinds: dict[str, Callable[[str], AuditSink]]
    kinds = {"eventbridge": EventBridgeSink, "firehose": FirehoseSink, "dynamodb": DynamoDbSink}
    return kinds[kind](name)


def _xray_trace() -> str:
    """The trace of this invocation; Lambda sets it anew for each."""
    return os.environ.get("_X_AMZN_TRACE_ID", "")
