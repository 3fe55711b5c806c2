"""The store in DynamoDB: one table, no scans, and an index for what is found by its topic.

==========  ======  =====================================================
attribute   type    holds
==========  ======  =====================================================
``pk``      S       the key, such as ``TASK#…``
``version``  N      incremented by every write
``body``    B       JSON, compressed if that makes it smaller
``purge_at``  N     the table's TTL attribute, seconds since the epoch
``by``        B     random bytes of the write
``moment``    N     instead of version, body and by: the time under a key
``topic``     S     by which the index ``by_topic`` finds it; most items have none
==========  ======  =====================================================
"""

from __future__ import annotations

import os
import zlib
from typing import Any

from lambent.errors import StoreError
from lambent.execution.ports import Item
from lambent.stores.aws import AwsResource
from lambent.stores.memory import check_size

_DEFLATE_FROM = 1024
_MAX_KEY_BYTES = 2048
"""DynamoDB's limit."""

_PLAIN, _DEFLATED = b"\x00", b"\x01"

_INDEX = "by_topic"

_IS_NEW = "attribute_not_exists(pk)"

_IS_OVER = "attribute_not_exists(moment) OR moment < :now"
_IS_BETWEEN = "moment BETWEEN :now AND :most"
"""What a time has to be to be moved on: the two exclude each other, and every later time."""

_MOVES = 4
"""One more than there can be: a refused write tells which one succeeds."""

_TIMES_KNOWN = 1000


class DynamoStore:
    """Keeps items in the table of a name; see ``aws.Resource``."""

    def __init__(self, table: str, dynamodb: Any = None) -> None:
        self._table = AwsResource("dynamodb", table, dynamodb)
        self._times: dict[str, int] = {}

    def insert(self, item: Item) -> bool:
        """See ``Store.insert``."""
        return self._put(item, ConditionExpression=_IS_NEW)

    def read(self, key: str) -> Item | None:
        """See ``Store.read``."""
        if len(key.encode()) > _MAX_KEY_BYTES:
            return None  # a key contains what a client has sent, such as a task's id
        # Strongly consistent: a client may ask for a task as soon as it has the task's id.
        with self._table.calling("GetItem") as dynamodb:
            answer = dynamodb.get_item(
                TableName=self._table.name, Key={"pk": {"S": key}}, ConsistentRead=True
            )
        if (found := answer.get("Item")) is None:
            return None
        body, purge_at = unpack(found["body"]["B"]), int(found["purge_at"]["N"])
        topic = found["topic"]["S"] if "topic" in found else ""
        return Item(key, int(found["version"]["N"]), body, purge_at, topic=topic)

    def replace(self, item: Item) -> bool:
        """See ``Store.replace``."""
        return self._put(item, **_is_version(item.version - 1))

    def remove(self, key: str, version: int) -> bool:
        """See ``Store.remove``."""
        with self._table.calling("DeleteItem") as dynamodb:
            try:
                dynamodb.delete_item(**self._row(key), **_is_version(version))
            except dynamodb.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def advance(self, key: str, now: int, step: int, most: int, purge_at: int) -> int:
        """See ``Store.advance``.

        One write, if what this process knows of the time tells how it has to be moved; none, if it was later
        than ``most``. Else the refused write says how, and a second one moves it.
        """
        # Times only rise. So one that is known is a lower bound, which is all that is asked here.
        known = self._times.get(key, 0)
        for _ in range(_MOVES):
            if known > most:
                return known - most
            with self._table.calling("UpdateItem") as dynamodb:
                # When a response is lost, boto3 repeats the write, and the time moves twice: that is
                # on the safe side.
                try:
                    written = dynamodb.update_item(
                        **self._row(key), **_moved(known, now, step, most, purge_at)
                    )
                except dynamodb.exceptions.ConditionalCheckFailedException as error:
                    known = self._learn(key, error.response.get("Item", {}))
                else:
                    self._learn(key, written["Attributes"])
                    return 0
        raise StoreError(
            f"dynamodb: UpdateItem of {self._table.name!r} failed: the time does not stand still"
        )

    def members(self, topic: str, after: str, most: int) -> list[str]:
        """See ``Topics.members``: a query of the index, whose range key is ``pk``."""
        condition, values = "topic = :topic", {":topic": {"S": topic}}
        if after:
            condition, values = f"{condition} AND pk > :after", {**values, ":after": {"S": after}}
        with self._table.calling("Query") as dynamodb:
            answer = dynamodb.query(
                TableName=self._table.name,
                IndexName=_INDEX,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ProjectionExpression="pk",
                Limit=most,
            )
        return [item["pk"]["S"] for item in answer["Items"]]

    def _learn(self, key: str, attributes: dict[str, Any]) -> int:
        """Remember the time in an item; without one it is long past."""
        moment = int(attributes["moment"]["N"]) if "moment" in attributes else 0
        if len(self._times) >= _TIMES_KNOWN:
            self._times.clear()
        self._times[key] = moment
        return moment

    def _row(self, key: str) -> dict[str, Any]:
        return {"TableName": self._table.name, "Key": {"pk": {"S": key}}}

    def _put(self, item: Item, **condition: Any) -> bool:
        body = pack(item.body)
        check_size(Item(item.key, item.version, body, item.purge_at, item.reserve))
        # When a response is lost, boto3 repeats the write, which then finds the item of the first attempt.
        by = os.urandom(12)
        attributes = {
            "pk": {"S": item.key},
            "version": {"N": str(item.version)},
            "body": {"B": body},
            "purge_at": {"N": str(item.purge_at)},
            "by": {"B": by},
        }
        if item.topic:
            attributes["topic"] = {"S": item.topic}
        with self._table.calling("PutItem") as dynamodb:
            try:
                dynamodb.put_item(
                    TableName=self._table.name,
                    Item=attributes,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **condition,
                )
            except dynamodb.exceptions.ConditionalCheckFailedException as error:
                return bool(error.response.get("Item", {}).get("by", {}).get("B") == by)
        return True


def _is_version(version: int) -> dict[str, Any]:
    return {
        "ConditionExpression": "version = :version",
        "ExpressionAttributeValues": {":version": {"N": str(version)}},
    }


def _moved(known: int, now: int, step: int, most: int, purge_at: int) -> dict[str, Any]:
    """The update that moves a time which is not earlier than a known one."""
    numbers = {":now": now, ":step": step, ":purge_at": purge_at}
    condition, start = _IS_OVER, ":now"
    if known >= now:
        condition, start = _IS_BETWEEN, "moment"
        numbers[":most"] = most
    return {
        "ConditionExpression": condition,
        "UpdateExpression": f"SET moment = {start} + :step, purge_at = :purge_at",
        "ExpressionAttributeValues": {name: {"N": str(number)} for name, number in numbers.items()},
        "ReturnValues": "UPDATED_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def pack(body: bytes) -> bytes:
    """A body as it is kept: compressed if that makes it smaller."""
    if len(body) >= _DEFLATE_FROM:
        deflated = zlib.compress(body, 6)
        if len(deflated) < len(body):
            return _DEFLATED + deflated
    return _PLAIN + body


def unpack(packed: bytes) -> bytes:
    """What ``pack`` has packed."""
    return zlib.decompress(packed[1:]) if packed[:1] == _DEFLATED else packed[1:]
