"""``subscriptions/listen``: acknowledged, tagged, bounded, ended (basic/patterns/subscriptions)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lambent.execution.call import Call, Services
from lambent.execution.ports import Changes
from lambent.wire import jsonrpc
from lambent.wire.methods import SubscriptionFilter
from lambent.wire.results import Acknowledged, ListenResult
from lambent.wire.values import SUBSCRIPTION_ID_KEY

_LIST_TOPICS: Mapping[str, str] = MappingProxyType(
    {
        "tools_list_changed": "notifications/tools/list_changed",
        "prompts_list_changed": "notifications/prompts/list_changed",
        "resources_list_changed": "notifications/resources/list_changed",
    }
)
_GLANCE_SECONDS = 1.0
"""How often a waiting subscription looks whether its client is still there."""

_KEEP_ALIVE_SECONDS = 15.0
"""Within the idle time that load balancers and proxies allow a connection."""

_UPDATED = "notifications/resources/updated"


def listen(call: Call) -> ListenResult:
    """Deliver the changes that a client asked for, for as long as the host may wait."""
    changes = call.services.changes
    position = changes.position() if changes is not None else 0
    agreed = _agree(call.request.params.notifications, call.services)
    tag = {SUBSCRIPTION_ID_KEY: call.request.id}
    call.invocation.emit(
        jsonrpc.notification("notifications/subscriptions/acknowledged", Acknowledged(agreed, tag))
    )
    if changes is not None and agreed != SubscriptionFilter():
        _deliver(changes, position, agreed, tag, call)
    return ListenResult(meta=tag)


def _agree(wanted: SubscriptionFilter, services: Services) -> SubscriptionFilter:
    """The part of a filter that can be honoured: nothing where nothing can be delivered."""
    if services.changes is None:
        return SubscriptionFilter()
    catalog = services.catalog
    has_resources = bool(catalog.resources or catalog.templates)
    return SubscriptionFilter(
        tools_list_changed=wanted.tools_list_changed and bool(catalog.tools),
        prompts_list_changed=wanted.prompts_list_changed and bool(catalog.prompts),
        resources_list_changed=wanted.resources_list_changed and has_resources,
        resource_subscriptions=wanted.resource_subscriptions if has_resources else [],
    )


def _deliver(
    changes: Changes, position: int, agreed: SubscriptionFilter, tag: dict[str, Any], call: Call
) -> None:
    lists = {topic for field, topic in _LIST_TOPICS.items() if getattr(agreed, field)}
    uris = set(agreed.resource_subscriptions)
    deadline = time.monotonic() + call.services.listen_seconds
    spoken = time.monotonic()
    while (left := deadline - time.monotonic()) > 0:
        call.invocation.check()
        topics, position = changes.wait(position, min(left, _GLANCE_SECONDS))
        if time.monotonic() - spoken > _KEEP_ALIVE_SECONDS:
            call.invocation.keep_alive()
            spoken = time.monotonic()
        for topic in topics:
            if topic in lists:
                call.invocation.emit(jsonrpc.notification(topic, {"_meta": tag}))
            elif topic in uris:
                call.invocation.emit(jsonrpc.notification(_UPDATED, {"uri": topic, "_meta": tag}))
