"""Front matter that is more than lines of text, by PyYAML: loaded where there is such a skill."""

from __future__ import annotations

import math
import re
from typing import Any

from lambent.errors import ConfigurationError, DeclarationError

_CORE: tuple[tuple[re.Pattern[str], Any], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda text: None),
    (re.compile(r"true|True|TRUE|false|False|FALSE"), lambda text: text.lower() == "true"),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 0)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
)
"""What text without quotes is in the core schema of YAML 1.2, which has no times and no ``yes``."""

_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def read_yaml(text: str) -> dict[str, Any]:
    """The fields of front matter.

    Text that YAML 1.1 and 1.2 read differently is refused: hosts compare what they read with what the server
    says, and have parsers of both.

    Raises:
        DeclarationError: it is no YAML, or has what JSON does not have, or aliases.
        ConfigurationError: PyYAML is not installed.
    """
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigurationError(
            "This front matter is more than lines of text, which needs PyYAML: install lambent[skills]"
        ) from error
    loader = yaml.SafeLoader(text)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise DeclarationError("Front matter has no aliases: write the value again")
        node = loader.get_single_node()
        value = None if node is None else _value(loader, node, yaml)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, DeclarationError):
            raise
        raise DeclarationError(f"Front matter is no YAML: {error}") from None
    finally:
        loader.dispose()
    if not isinstance(value, dict):
        raise DeclarationError("Front matter has fields, such as name: and description:")
    return value


def _value(loader: Any, node: Any, yaml: Any) -> Any:
    if isinstance(node, yaml.MappingNode | yaml.SequenceNode) and node.tag not in _COLLECTIONS:
        raise DeclarationError(f"Front matter is JSON, which has no {node.tag}")
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, yaml)
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, yaml) for item in node.value]
    value = loader.construct_object(node)
    if node.style is None:  # without quotes
        later = _core(node.value)
        if (type(value), value) != (type(later), later):
            raise DeclarationError(f"Versions of YAML read {node.value!r} differently: put it in quotes")
    if not isinstance(value, str | int | float | None) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise DeclarationError(f"Front matter is JSON, and {node.value!r} is not: put it in quotes")
    return value


def _mapping(loader: Any, node: Any, yaml: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _value(loader, key_node, yaml)
        if not isinstance(key, str):
            raise DeclarationError(f"The fields of front matter have names that are text, not {key!r}")
        if key in fields:
            raise DeclarationError(f"Front matter has {key!r} twice")
        fields[key] = _value(loader, value_node, yaml)
    return fields


def _core(text: str) -> Any:
    for pattern, read in _CORE:
        if pattern.fullmatch(text) is not None:
            return read(text)
    return text
