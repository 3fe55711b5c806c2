"""What has to be set for a deployment, and is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from lambent.errors import ConfigurationError

if TYPE_CHECKING:
    from lambent.features.catalog import Catalog
    from lambent.hosts.settings import Settings


def require_table(catalog: Catalog, settings: Settings) -> None:
    """Tell of a table or queue that a tool needs before its first call does.

    Only within Lambda: elsewhere modules that make a handler are imported for other reasons, such as tests.

    Raises:
        ConfigurationError: it is missing; the message names the tools and the settings.
    """
    has_table = settings.has_store
    needs = {name: tool.needs_table for name, tool in catalog.tools.items() if not tool.is_plain}
    reasons = [
        f"{name!r} {why}"
        for name, why in needs.items()
        if why and not (has_table and catalog.tools[name].task is None)
    ]
    if not reasons:
        return
    missing = [] if has_table else ["LAMBENT_TABLE"]
    if any(catalog.tools[name].task is not None and why for name, why in needs.items()):
        missing.append("LAMBENT_TASK_QUEUE_URL")
    what = "a queue" if has_table else "a table and a queue" if len(missing) > 1 else "a table"
    why = " and the tool ".join(reasons)
    raise ConfigurationError(f"The tool {why}, so this function needs {what}: set {' and '.join(missing)}")


def raise_unidentified(settings: Settings) -> NoReturn:
    """Tell that nothing says who may call, although settings want callers to be identified."""
    if settings.anonymous is False:
        raise ConfigurationError(
            "LAMBENT_AUTH_ANONYMOUS is false and nothing says who may call: set LAMBENT_AUTH_ISSUER"
        )
    raise ConfigurationError(
        "Variables LAMBENT_AUTH_… are set, and none of them says who may call: set "
        "LAMBENT_AUTH_ISSUER, or LAMBENT_AUTH_ANONYMOUS=true to let everybody call"
    )
