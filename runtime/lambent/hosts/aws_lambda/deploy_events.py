"""CloudFormation's events for the custom resource ``Custom::ServerCards``: a deploy publishes the cards.

===========  ==========================================================================
event        what is done
===========  ==========================================================================
``Create``   put every document into the bucket
``Update``   the same, and remove documents that there are not any more
``Delete``   remove all documents; with ``EmptyOnDelete`` all objects of the bucket
===========  ==========================================================================

Its properties: ``Bucket``; ``Url``, the public URL of the servers; ``EmptyOnDelete``; and anything that
changes when the cards do, because CloudFormation calls only where a property has changed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from lambent.errors import ConfigurationError, DeadlineReached
from lambent.hosts.aws_lambda.invocation import LambdaInvocation
from lambent.hosts.aws_lambda.time_limit import call_with_time_limit
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.stores.cards import CardBucket

RESOURCE_TYPE = "Custom::ServerCards"

_SPARE_SECONDS = 3.0
"""Kept for the answer: without one CloudFormation waits an hour."""

_REASON_LIMIT = 700
"""Characters, of four bytes at most. CloudFormation takes answers of 4,096 bytes."""

_log = logging.getLogger("lambent.deploy")


def run_deploy_event(
    event: Mapping[str, Any], documents: DiscoveryDocuments, invocation: LambdaInvocation
) -> dict[str, Any]:
    """Do what CloudFormation asks for, and tell it how that went.

    Args:
        event: CloudFormation's event.
        documents: what is published.
        invocation: the invocation that it came in.

    Returns:
        What CloudFormation was told.

    Raises:
        OSError: CloudFormation could not be told; Lambda then invokes again.
    """
    properties = event.get("ResourceProperties") or {}
    bucket = str(properties.get("Bucket") or "")
    remaining = invocation.remaining_ms()
    seconds = 60.0 if remaining is None else remaining / 1000 - _SPARE_SECONDS
    told = {
        "Status": "SUCCESS",
        # The bucket's name: when it changes, the old one is cleared.
        "PhysicalResourceId": f"{bucket}/cards" if bucket else event.get("PhysicalResourceId") or "cards",
        **{name: event.get(name) for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    try:
        call_with_time_limit(
            _do, {"event": event, "properties": properties, "bucket": bucket, "documents": documents}, seconds
        )
    except (Exception, DeadlineReached) as error:
        _log.exception("%s of %s failed", event.get("RequestType"), event.get("LogicalResourceId"))
        reason = (
            "the time was up" if isinstance(error, DeadlineReached) else f"{type(error).__name__}: {error}"
        )
        told |= {"Status": "FAILED", "Reason": reason[:_REASON_LIMIT]}
    _tell(str(event["ResponseURL"]), told)
    return told


def _do(
    event: Mapping[str, Any], properties: Mapping[str, Any], bucket: str, documents: DiscoveryDocuments
) -> None:
    is_ours = event.get("ResourceType") == RESOURCE_TYPE
    if event.get("RequestType") == "Delete":
        # A create that failed for want of a bucket, or of this type, is rolled back with the same properties.
        if bucket and is_ours:
            CardBucket(bucket).clear(everything=str(properties.get("EmptyOnDelete")).lower() == "true")
        return
    if not is_ours:
        raise ConfigurationError(f"This function handles {RESOURCE_TYPE}, not {event.get('ResourceType')}")
    if not bucket:
        raise ConfigurationError(f"{RESOURCE_TYPE} needs the property Bucket")
    url = str(properties.get("Url") or "").rstrip("/") or None
    if found := documents.problems(url):
        raise ConfigurationError("; ".join(found))
    CardBucket(bucket).publish(documents.by_path(url))


def _tell(url: str, told: Mapping[str, Any]) -> None:
    from urllib.request import Request, urlopen

    body = json.dumps(told, ensure_ascii=False).encode()
    # The URL is signed for an empty content type.
    request = Request(url, body, {"Content-Type": ""}, method="PUT")  # noqa: S310
    for attempt in range(3):
        try:
            with urlopen(request, timeout=10):  # noqa: S310 - CloudFormation's own URL
                return
        except OSError:
            if attempt == 2:
                raise
