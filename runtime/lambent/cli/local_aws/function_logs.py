"""What deployed functions print and log, read from CloudWatch Logs as it comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

_PREFIX: Final = "/aws/lambda/"
_OF_LAMBDA: Final = re.compile(r"(START|END|REPORT) RequestId: ")


class FunctionLogs:
    """The log lines of all functions of an account.

    Args:
        client: The boto3 client of CloudWatch Logs.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._tokens: dict[tuple[str, str], str] = {}

    def take(self) -> list[str]:
        """The lines that have not been taken yet, those of an environment in their order.

        What Lambda itself says of each invocation is left out.

        Raises:
            botocore.exceptions.BotoCoreError: CloudWatch Logs does not answer.
            botocore.exceptions.ClientError: It answers with an error.
        """
        return [
            message.rstrip("\n")
            for group, stream in self._streams()
            for message in self._new(group, stream)
            if not _OF_LAMBDA.match(message)
        ]

    def _streams(self) -> Iterator[tuple[str, str]]:
        for groups in self._client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=_PREFIX):
            for group in groups["logGroups"]:
                name = group["logGroupName"]
                pages = self._client.get_paginator("describe_log_streams").paginate(logGroupName=name)
                yield from (
                    (name, stream["logStreamName"]) for page in pages for stream in page["logStreams"]
                )

    def _new(self, group: str, stream: str) -> Iterator[str]:
        while True:
            token = self._tokens.get((group, stream))
            given = {} if token is None else {"nextToken": token}
            page = self._client.get_log_events(
                logGroupName=group, logStreamName=stream, startFromHead=True, **given
            )
            self._tokens[group, stream] = page["nextForwardToken"]
            if not page["events"]:
                return
            for event in page["events"]:
                yield event["message"]
