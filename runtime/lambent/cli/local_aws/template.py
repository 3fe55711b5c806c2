"""A CloudFormation template as it is written: its YAML with short tags, nothing of it evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambent.cli.errors import CommandError, MissingExtraError


class TemplateError(CommandError):
    """The file is not a template, or the template is not valid."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template.

    Attributes:
        path: Its file.
        document: Its content, short tags written out.
    """

    path: Path
    document: Mapping[str, Any] = field(repr=False)

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The resources by their logical ids, whatever their conditions."""
        return self.section("Resources")

    def of_type(self, *types: str) -> list[str]:
        """The logical ids of the resources of some types.

        Args:
            types: The types.
        """
        return [name for name, resource in self.resources.items() if resource.get("Type") in types]

    def properties(self, name: str) -> dict[str, Any]:
        """The properties of a resource; the `Globals` of SAM count for its functions.

        Args:
            name: The logical id.
        """
        resource = self.resources[name]
        own = dict(resource.get("Properties") or {})
        if resource.get("Type") != "AWS::Serverless::Function":
            return own
        return _merged(self.section("Globals").get("Function") or {}, own)

    def section(self, name: str) -> Mapping[str, Any]:
        """A section, empty where the template does not have it.

        Args:
            name: Its name, such as `Parameters`.
        """
        section = self.document.get(name)
        return section if isinstance(section, Mapping) else {}


def read_template(path: Path) -> Template:
    """Read a template.

    Args:
        path: Its file, YAML or JSON.

    Returns:
        The template.

    Raises:
        TemplateError: The file cannot be read, or is not a template.
        MissingExtraError: The library that reads YAML is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise TemplateError(f"cannot read {path}: {error}") from error
    document = _load(text, path)
    if not isinstance(document, Mapping) or not isinstance(document.get("Resources"), Mapping):
        raise TemplateError(f"{path} is no template: it has no Resources")
    return Template(path, document)


def _load(text: str, path: Path) -> Any:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("pyyaml", "reading a template") from error

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Reads the short form of intrinsic functions."""

    def construct(loader: Any, suffix: str, node: Any) -> Any:
        if isinstance(node, yaml.ScalarNode):
            value = loader.construct_scalar(node)
        elif isinstance(node, yaml.SequenceNode):
            value = loader.construct_sequence(node, deep=True)
        else:
            value = loader.construct_mapping(node, deep=True)
        return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}

    Loader.add_multi_constructor("!", construct)
    try:
        return yaml.load(text, Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise TemplateError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """SAM's rule for `Globals`: maps are merged, lists are added, anything else is replaced."""
    merged = dict(base)
    for name, value in over.items():
        under = merged.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping) and not _is_function(value):
            merged[name] = _merged(under, value)
        elif isinstance(under, list) and isinstance(value, list):
            merged[name] = [*under, *value]
        else:
            merged[name] = value
    return merged


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and all(name == "Ref" or str(name).startswith("Fn::") for name in value)
