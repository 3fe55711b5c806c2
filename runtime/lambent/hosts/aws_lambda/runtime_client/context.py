"""The context of an invocation, as handlers get it from the managed runtime, and a way to stream."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from lambent.hosts.aws_lambda.runtime_client.client import NextInvocation, ResponseStream
from lambent.hosts.aws_lambda.runtime_client.failures import RuntimeFaultError

_W3C = ("traceparent", "tracestate", "baggage")
_CLIENT = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
_SHOWN = (
    *("aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb"),
    *("function_version", "invoked_function_arn", "client_context", "identity", "tenant_id"),
)


class InvocationContext:
    """What Lambda says of an invocation.

    The attributes and methods are those of the managed runtime's context
    (https://docs.aws.amazon.com/lambda/latest/dg/python-context.html); ``open_response_stream`` is added.

    Raises:
        RuntimeFaultError: a header is no JSON.
    """

    def __init__(
        self,
        invocation: NextInvocation,
        open_stream: Callable[[str], ResponseStream],
        log: Callable[[str], None],
    ) -> None:
        headers = invocation.headers
        self.aws_request_id = invocation.request_id
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        given = _json(headers.get("lambda-runtime-client-context"), "Client Context")
        self._w3c = _trace_fields(given)
        self.client_context = _client_context(given)
        identity = _json(headers.get("lambda-runtime-cognito-identity"), "Cognito Identity") or {}
        self.identity = SimpleNamespace(
            cognito_identity_id=identity.get("cognitoIdentityId"),
            cognito_identity_pool_id=identity.get("cognitoIdentityPoolId"),
        )
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))
        self._open_stream = open_stream
        self._log = log
        self._stream: ResponseStream | None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda stops the invocation."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, msg: Any) -> None:
        """Write to the log."""
        self._log(str(msg))

    def w3c(self) -> dict[str, str]:
        """The trace context of the W3C that the caller has sent, if any."""
        return dict(self._w3c)

    def open_response_stream(self, content_type: str) -> ResponseStream:
        """Make the response a stream, in place of what the handler returns.

        Nothing is sent before its first ``write``. The client ends the stream when the handler has returned,
        and with an error where it has raised one.
        """
        if self._stream is None:
            self._stream = self._open_stream(content_type)
        return self._stream

    @property
    def response_stream(self) -> ResponseStream | None:
        """The stream that was opened, if any."""
        return self._stream

    def __repr__(self) -> str:
        """What the managed runtime's context shows."""
        shown = ",".join(f"{name}={getattr(self, name)}" for name in _SHOWN)
        return f"LambdaContext([{shown}])"


def _json(text: str | None, name: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise RuntimeFaultError(
            "Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}"
        ) from None


def _trace_fields(client_context: Any) -> dict[str, str]:
    """The trace context, which is no part of ``client_context`` for the function."""
    given = client_context.pop("w3c", None) if isinstance(client_context, dict) else None
    if not isinstance(given, dict):
        return {}
    return {name: given[name] for name in _W3C if isinstance(given.get(name), str)}


def _client_context(given: Any) -> SimpleNamespace | None:
    if given is None:
        return None
    client = given.get("client")
    if client is not None:
        client = SimpleNamespace(**{name: client.get(name) for name in _CLIENT})
    return SimpleNamespace(custom=given.get("custom"), env=given.get("env"), client=client)
