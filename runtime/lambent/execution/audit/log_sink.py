"""Audit records in the structured log, through Powertools Logger: one line of JSON each."""

from __future__ import annotations

import itertools
import logging
from typing import IO, Any

import msgspec

from lambent.errors import ConfigurationError
from lambent.execution.audit.record import AuditRecord, in_ascii

_numbers = itertools.count(1)


class LogSink:
    """Writes records to the log of the process, under the key ``audit``.

    Args:
        server: the server's name, which is the ``service`` of the lines.
        stream: where they go; default: standard output, which Lambda sends to CloudWatch Logs.

    Raises:
        ConfigurationError: Powertools is not installed.
    """

    def __init__(self, server: str, stream: IO[str] | None = None) -> None:
        try:
            from aws_lambda_powertools import Logger
        except ImportError as error:
            raise ConfigurationError(
                "The log of audit records needs Powertools: install the extra lambent[aws]"
            ) from error

        # A logger of its own: one with the server's name may be the author's, with a level of its own.
        name = f"lambent.audit.{next(_numbers)}"
        self._logger = Logger(
            service=name, level="INFO", stream=stream, json_serializer=_serialize, utc=True, location=None
        )
        self._logger.append_keys(service=server)
        logging.getLogger(name).propagate = False  # else a root handler writes it a second time

    def write(self, record: AuditRecord) -> None:
        """See ``AuditSink.write``."""
        self._logger.info("audit", extra={"audit": msgspec.json.decode(record.to_json())})


def _serialize(line: dict[str, Any]) -> str:
    return in_ascii(msgspec.json.encode(line, enc_hook=str).decode())
