"""One handler a method, all of one shape: ``(call) -> result``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.execution.call import Call, Handler, Services
from lambent.wire.results import DiscoverResult, ListenResult, PageResult


def _discover(call: Call) -> DiscoverResult:
    from lambent.execution.handlers.discovery import discover  # few environments are asked

    return discover(call)


def _listen(call: Call) -> ListenResult:
    from lambent.execution.handlers.subscriptions import listen  # loaded where a client subscribes

    return listen(call)


def _list(call: Call) -> PageResult:
    from lambent.execution.handlers.lists import list_features  # clients keep what they have listed

    return list_features(call)


def _stream(call: Call) -> Any:
    from lambent.execution.handlers.event_streams import stream_events  # loaded where a client asks for one

    return stream_events(call)


def handlers_of(services: Services) -> Mapping[str, Handler]:
    """The methods of the features that a server has; the modules of others are never loaded."""
    catalog = services.catalog
    handlers: dict[str, Handler] = {"server/discover": _discover}
    if catalog.takes_subscriptions:
        handlers["subscriptions/listen"] = _listen
    if catalog.tools:
        from lambent.execution.handlers.tools import call_tool

        handlers |= {"tools/list": _list, "tools/call": call_tool}
        if catalog.tool_middleware or catalog.mounts_wrap_tools:
            from lambent.execution.middleware import chain, in_thread

            around = in_thread(catalog.tool_middleware)
            if catalog.mounts_wrap_tools:
                from lambent.execution.mounting import wrappers

                around += wrappers(catalog, lambda inner: in_thread(inner.catalog.tool_middleware))
            handlers["tools/call"] = chain(around, call_tool)
    if catalog.has_resources:
        from lambent.execution.handlers.resources import read_resource

        handlers |= {"resources/list": _list, "resources/read": read_resource}
        handlers |= {"resources/templates/list": _list}
    if catalog.prompts:
        from lambent.execution.handlers.prompts import get_prompt

        handlers |= {"prompts/list": _list, "prompts/get": get_prompt}
    if catalog.completer is not None:
        from lambent.execution.handlers.completion import complete

        handlers |= {"completion/complete": complete}
    if services.tasks is not None:
        from lambent.execution.handlers.tasks import cancel_task, get_task, update_task

        handlers |= {"tasks/get": get_task, "tasks/update": update_task, "tasks/cancel": cancel_task}
    if catalog.skills:
        from lambent.execution.handlers.skills import HANDLERS

        handlers |= HANDLERS
    if services.events is not None:
        from lambent.execution.handlers.events import list_events, poll_events

        handlers |= {"events/list": list_events, "events/poll": poll_events, "events/stream": _stream}
        if services.events.subscriptions is not None:
            from lambent.execution.handlers.event_subscriptions import subscribe, unsubscribe

            handlers |= {"events/subscribe": subscribe, "events/unsubscribe": unsubscribe}
    if catalog.methods:
        from lambent.execution.handlers.methods import method_handlers

        handlers |= method_handlers(catalog)
    return handlers
