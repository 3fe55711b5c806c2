"""Events of the CloudFormation custom resource ``Custom::ServerCards``: each deployment publishes the cards.

===========  ==========================================================================
event        action
===========  ==========================================================================
``Create``   put all documents into the bucket
``Update``   the same, and remove documents of earlier deployments
``Delete``   remove all documents; with ``EmptyOnDelete`` all objects of the bucket
===========  ==========================================================================

Its properties: ``Bucket``; ``Url``, the public URL of the servers; ``EmptyOnDelete``; and any property that
changes together with the cards: CloudFormation sends ``Update`` only if a property has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambent.errors import ConfigurationError, DeadlineReached
from lambent.execution.invocation import Invocation
from lambent.execution.log_records import logger
from lambent.hosts.aws_lambda.time_limit import call_with_time_limit
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.stores.cards import CardBucket

RESOURCE_TYPE = "Custom::ServerCards"

_SPARE_SECONDS = 3.0
"""Reserved for the response: without one CloudFormation waits for an hour."""

_REASON_LIMIT = 700
"""Characters, of at most four bytes each: CloudFormation accepts responses of 4,096 bytes."""

_log = logger("lambent.deploy")


def is_deploy_event(event: Mapping[str, Any]) -> bool:
    """Whether an event is one of CloudFormation's, which can be answered."""
    is_readable = isinstance(event.get("ResourceProperties") or {}, Mapping)
    return is_readable and str(event.get("ResponseURL")).startswith(("https://", "http://"))


def run_deploy_event(
    event: Mapping[str, Any], documents: DiscoveryDocuments, invocation: Invocation
) -> dict[str, Any]:
    """Handle an event of CloudFormation, send it the response, and return the response.

    Raises:
        OSError: the response could not be sent; Lambda then invokes the function again.
    """
    properties = event.get("ResourceProperties") or {}
    bucket = str(properties.get("Bucket") or "")
    remaining = invocation.remaining_ms()
    seconds = 60.0 if remaining is None else remaining / 1000 - _SPARE_SECONDS
    response = {
        "Status": "SUCCESS",
        # With another bucket the id is another one, and CloudFormation then sends ``Delete`` for the old id.
        "PhysicalResourceId": f"{bucket}/cards" if bucket else event.get("PhysicalResourceId") or "cards",
        **{name: event.get(name) for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    try:
        arguments = {"event": event, "properties": properties, "bucket": bucket, "documents": documents}
        call_with_time_limit(_publish_or_remove, arguments, seconds)
    except (Exception, DeadlineReached) as error:
        _log.exception("%s of %s failed", event.get("RequestType"), event.get("LogicalResourceId"))
        is_late = isinstance(error, DeadlineReached)
        reason = "the time limit was reached" if is_late else f"{type(error).__name__}: {error}"
        response |= {"Status": "FAILED", "Reason": reason[:_REASON_LIMIT]}
    _respond(str(event["ResponseURL"]), response)
    return response


def _publish_or_remove(
    event: Mapping[str, Any], properties: Mapping[str, Any], bucket: str, documents: DiscoveryDocuments
) -> None:
    is_ours = event.get("ResourceType") == RESOURCE_TYPE
    if event.get("RequestType") == "Delete":
        # After a failed ``Create`` CloudFormation sends ``Delete`` with the same invalid properties.
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


def _respond(url: str, response: Mapping[str, Any]) -> None:
    from urllib.request import Request, urlopen

    body = json.dumps(response, ensure_ascii=False).encode()
    # CloudFormation has signed the URL for an empty content type.
    request = Request(url, body, {"Content-Type": ""}, method="PUT")  # noqa: S310
    for attempt in range(3):
        try:
            with urlopen(request, timeout=10):  # noqa: S310 - CloudFormation's own URL
                return
        except OSError:
            if attempt == 2:
                raise
