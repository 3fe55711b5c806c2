"""One handler a method, all of one shape: ``(call) -> result``."""

from __future__ import annotations

from collections.abc import Mapping

from lambent.execution.call import Handler, Services
from lambent.execution.handlers.completion import complete
from lambent.execution.handlers.discovery import discover
from lambent.execution.handlers.lists import list_prompts, list_resources, list_templates, list_tools
from lambent.execution.handlers.prompts import get_prompt
from lambent.execution.handlers.resources import read_resource
from lambent.execution.handlers.subscriptions import listen
from lambent.execution.handlers.tools import call_tool
from lambent.features.catalog import Catalog


def handlers_of(services: Services) -> Mapping[str, Handler]:
    """The methods that a server answers: a feature that it does not have, it does not know."""
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
        (services.tasks, _task_handlers() if services.tasks is not None else {}),
    ]
    return {method: handler for offer, methods in offered if offer for method, handler in methods.items()}


def _task_handlers() -> dict[str, Handler]:
    from lambent.execution.handlers.tasks import cancel_task, get_task, update_task

    return {"tasks/get": get_task, "tasks/update": update_task, "tasks/cancel": cancel_task}


def has_resources(catalog: Catalog) -> bool:
    """Whether there is anything to read."""
    return bool(catalog.resources or catalog.templates)
