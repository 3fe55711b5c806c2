"""One handler a method, all of one shape: ``(call) -> result``."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.execution.call import Handler, Services
from lambent.execution.handlers.completion import complete
from lambent.execution.handlers.discovery import discover
from lambent.execution.handlers.lists import list_prompts, list_resources, list_templates, list_tools
from lambent.execution.handlers.prompts import get_prompt
from lambent.execution.handlers.resources import has_resources, read_resource
from lambent.execution.handlers.subscriptions import listen
from lambent.execution.handlers.tools import call_tool


def handlers_of(services: Services) -> Mapping[str, Handler]:
    """The methods of the features that a server has."""
    catalog = services.catalog
    offered: list[tuple[object, dict[str, Handler]]] = [
        (True, {"server/discover": discover, "subscriptions/listen": listen}),
        (catalog.tools, {"tools/list": list_tools, "tools/call": call_tool}),
        (
            has_resources(catalog),
            {
                "resources/list": list_resources,
                "resources/templates/list": list_templates,
                "resources/read": read_resource,
            },
        ),
        (catalog.prompts, {"prompts/list": list_prompts, "prompts/get": get_prompt}),
        (catalog.completer is not None, {"completion/complete": complete}),
    ]
    if services.tasks is not None:
        from lambent.execution.handlers.tasks import cancel_task, get_task, update_task

        offered.append(
            (True, {"tasks/get": get_task, "tasks/update": update_task, "tasks/cancel": cancel_task})
        )
    return {method: handler for offer, methods in offered if offer for method, handler in methods.items()}
