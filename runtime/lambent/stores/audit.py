"""Audit records in EventBridge, Firehose and DynamoDB."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lambent.errors import StoreError
from lambent.stores.aws import AwsResource

if TYPE_CHECKING:
    from lambent.execution.audit.record import AuditRecord

SOURCE = "lambent"
DETAIL_TYPE = "MCP call"

_EVENT_BYTES = 200 * 1024
"""An entry of PutEvents may have 256 KB, source and names included."""

_FIREHOSE_BYTES = 900 * 1024
"""A record of Firehose may have 1,000 KiB."""

_ITEM_BYTES = 350 * 1024
"""An item of DynamoDB may have 400 KB."""

_RETENTION = timedelta(days=90)


class EventBridgeSink:
    """Sends records to an event bus, as the detail of events of type ``MCP call``; see ``AwsResource``."""

    def __init__(self, bus: str, events: Any = None) -> None:
        self._bus = AwsResource("events", bus, events)

    def write(self, record: AuditRecord) -> None:
        """See ``AuditSink.write``."""
        entry = {
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": record.to_json(_EVENT_BYTES),
            "EventBusName": self._bus.name,
        }
        with self._bus.calling("PutEvents") as events:
            answer = events.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:  # with status 200
            failed = answer["Entries"][0]
            why = f"{failed.get('ErrorCode')}: {failed.get('ErrorMessage')}"
            raise StoreError(f"events: PutEvents of {self._bus.name!r} failed: {why}")


class FirehoseSink:
    """Sends records to a delivery stream, a line each; see ``AwsResource``."""

    def __init__(self, stream: str, firehose: Any = None) -> None:
        self._stream = AwsResource("firehose", stream, firehose)

    def write(self, record: AuditRecord) -> None:
        """See ``AuditSink.write``."""
        line = record.to_json(_FIREHOSE_BYTES) + "\n"
        with self._stream.calling("PutRecord") as firehose:
            firehose.put_record(DeliveryStreamName=self._stream.name, Record={"Data": line.encode()})


class DynamoDbSink:
    """Keeps records in a table with the key ``pk``, for 90 days by default; see ``AwsResource``.

    Server, time, method and outcome, and the name and the subject where there are any, are attributes of
    their own, for indexes; ``record`` has all of it as JSON.
    """

    def __init__(self, table: str, dynamodb: Any = None, *, retention: timedelta = _RETENTION) -> None:
        self._table = AwsResource("dynamodb", table, dynamodb)
        self._retention = retention

    def write(self, record: AuditRecord) -> None:
        """See ``AuditSink.write``."""
        began = datetime.fromisoformat(record.time)
        columns = {
            "pk": f"AUDIT#{record.call_id}#{record.time}#{os.urandom(6).hex()}",
            "server": record.server,
            "time": record.time,
            "method": record.method,
            "name": record.name,
            "subject": record.principal.subject if record.principal is not None else None,
            "outcome": record.outcome,
            "record": record.to_json(_ITEM_BYTES),
        }
        item = {name: {"S": value} for name, value in columns.items() if value}
        item["purge_at"] = {"N": str(int((began + self._retention).timestamp()))}
        with self._table.calling("PutItem") as dynamodb:
            dynamodb.put_item(TableName=self._table.name, Item=item)
