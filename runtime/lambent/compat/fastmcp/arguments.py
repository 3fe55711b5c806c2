"""Arguments of decorators, as ``lambent`` has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.functions import name_of
from lambent.features.tasks import TaskPolicy

if TYPE_CHECKING:
    from lambent.features.signature import PromptArgument, Signature
    from lambent.features.uri_templates import UriTemplate


def native_template(uri: str) -> str:
    """A template as ``lambent`` writes it: any number of segments are one text with slashes."""
    import re  # loaded where there are resources

    return re.sub(r"\{(\w+)\*\}", r"{+\1}", uri)


def secured(template: UriTemplate, security: Any) -> UriTemplate:
    """A template whose variables may have the values that a ``ResourceSecurity`` takes; None: any.

    ``...``: those that stay in a folder, which is the same as ``ResourceSecurity()``.
    """
    if security is ...:
        return template
    from lambent.compat.paths import ResourceSecurity, SecuredTemplate  # loaded where there is a policy

    return SecuredTemplate(template.template, security or ResourceSecurity(False, False, False))


class RequiredScopes(msgspec.Struct, frozen=True):
    """A check that the caller has scopes."""

    scopes: tuple[str, ...]


def require_scopes(*scopes: str) -> RequiredScopes:
    """What ``auth`` of a feature takes: its caller needs these scopes."""
    return RequiredScopes(scopes)


def scopes_of(auth: Any) -> tuple[str, ...]:
    """The scopes that ``auth`` of a feature says are needed.

    Raises:
        DeclarationError: it is a check of another kind.
    """
    checks = auth if isinstance(auth, list | tuple) else [] if auth is None else [auth]
    for check in checks:
        if not isinstance(check, RequiredScopes):
            raise DeclarationError(
                "auth of a feature takes require_scopes(…); write other checks as middleware of lambent, or "
                "with ctx.require(…) in the function (docs/fastmcp.md)"
            )
    return tuple(scope for check in checks for scope in check.scopes)


def refuse_app(options: dict[str, Any]) -> None:
    """Refuse the page of a tool or resource.

    Raises:
        DeclarationError: there is one.
    """
    if options.pop("app", None):
        raise DeclarationError(
            "app=… is not supported: lambent.Apps has tools with pages (docs/apps.md), and FastMCP takes it "
            "by extensions=[…]"
        )


def tool_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Arguments of ``lambent.MCPServer.tool``: those that a tool keeps, and its input schema.

    Raises:
        TypeError: there is another one.
    """
    refuse_app(options)
    if unknown := sorted(
        options.keys() - {"idempotency", "single_use", "limit", "sensitive", "input_schema"}
    ):
        raise TypeError(f"tool() has no argument {', '.join(unknown)}")
    kept = {name: value for name, value in options.items() if name != "input_schema"}
    if "sensitive" in kept:
        kept["sensitive"] = frozenset(kept["sensitive"])
    return kept, options.get("input_schema")


class TaskConfig(msgspec.Struct):
    """How calls of a tool may become tasks.

    Attributes:
        mode: ``"optional"``, ``"required"`` or ``"forbidden"``.
        poll_interval: not used: clients are told how often to ask by the server's settings.
    """

    mode: str = "optional"
    poll_interval: Any = None


def policy_of(task: Any) -> TaskPolicy | None:
    """How calls may become tasks."""
    if task is None or isinstance(task, TaskPolicy):
        return task
    if isinstance(task, bool):
        return TaskPolicy() if task else None
    support: Any = getattr(task, "mode", "optional")
    return None if support == "forbidden" else TaskPolicy(support=support)


def named(function: Callable[..., Any]) -> str:
    """The name of a function.

    Raises:
        ValueError: it has none.
    """
    name = name_of(function)
    if name == "<lambda>":
        raise ValueError("A lambda has no name: write name=")
    return name


def in_words(name: str) -> str:
    """A name as people write it: ``greet-user`` is ``Greet User``."""
    words = name.replace("_", " ").replace("-", " ").split()
    return " ".join(word[:1].upper() + word[1:] for word in words)


def described(argument: PromptArgument, texts: Any, signature: Signature) -> PromptArgument:
    """An argument with what the docstring says of it, and how a value that is no text is written."""
    text = argument.description or texts.get(argument.name)
    [hint] = [one.hint for one in signature.parameters if one.wire == argument.name]
    if hint is not str:
        from lambent.compat.fastmcp.schemas import tidy

        schema = tidy(signature.arguments.schema())["properties"][argument.name]
        schema = {key: value for key, value in schema.items() if key not in ("default", "description")}
        if schema and schema.get("type") != "string":
            form = f"JSON that fits {msgspec.json.encode(schema).decode()}"
            text = f"{text}\n\n{form}" if text else form
    return msgspec.structs.replace(argument, description=text)


def version_of(item: Any) -> tuple[Any, ...]:
    """The version of a feature, as versions are compared."""
    version = ((item.definition.meta or {}).get("fastmcp") or {}).get("version", "")
    return tuple((part.isdigit(), int(part) if part.isdigit() else part) for part in str(version).split("."))
