"""The context object that Lambda passes to a handler."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from lambent.cli.gateway.frames import InvocationFrame
from lambent.cli.gateway.streaming import OnPart, SentParts


class Identity:
    """The caller's Cognito identity: none, HTTP front ends have no such thing."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


class ClientContext:
    """What the caller of `Invoke` has sent along.

    Args:
        members: The JSON object.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        self.custom = members.get("custom")
        self.env = members.get("env")
        self.client = members.get("client")


class LambdaContext:
    """What a handler is told about its invocation.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html

    Args:
        invocation: The invocation.
        environment: The environment variables of the function.
        client_context: What the caller has sent along, which front ends over HTTP do not.

    Attributes:
        response_stream: What the response is written to in parts; None where it is whole.
    """

    response_stream: SentParts | None = None

    def __init__(
        self,
        invocation: InvocationFrame,
        environment: Mapping[str, str],
        client_context: Mapping[str, Any] | None = None,
    ) -> None:
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.invoked_function_arn = (
            f"arn:aws:lambda:{environment['AWS_REGION']}:123456789012:function:{self.function_name}"
        )
        # A string, as in Lambda.
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.aws_request_id = invocation.request_id
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        self.client_context = None if client_context is None else ClientContext(client_context)
        self._deadline_ms = invocation.deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """The time until Lambda kills the invocation.

        Returns:
            Milliseconds, not below 0.
        """
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def stream_to(self, on_part: OnPart) -> None:
        """Let the handler send its response in parts, as under a client of the Runtime API that can.

        Args:
            on_part: Takes a part.
        """

        def open_response_stream(content_type: str) -> SentParts:
            self.response_stream = SentParts(on_part)
            return self.response_stream

        self.open_response_stream = open_response_stream
