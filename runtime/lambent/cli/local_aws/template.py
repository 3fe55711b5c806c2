"""A CloudFormation template: its YAML with short tags, and the intrinsic functions that local resources need.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from lambent.cli.errors import CommandError, MissingExtraError

ACCOUNT: Final = "123456789012"
STACK_NAME: Final = "dev"

_VARIABLE: Final = re.compile(r"\$\{(!?)([\w.:]+)\}")


class TemplateError(CommandError):
    """The template is none, or needs something that exists only in AWS."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A value that is known once the resource exists.

    Attributes:
        resource: The logical id.
        attribute: The attribute of `Fn::GetAtt`; None stands for `Ref`.
    """

    resource: str
    attribute: str | None = None


class _NoValue:
    """What `AWS::NoValue` stands for: the property is left out."""


_NO_VALUE: Final = _NoValue()


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read, nothing of it evaluated yet.

    Attributes:
        path: Its file.
        region: The region that it is deployed to.
        document: Its content, short tags written out.
    """

    path: Path
    region: str
    document: Mapping[str, Any] = field(repr=False)

    @property
    def resources(self) -> Mapping[str, Mapping[str, Any]]:
        """The resources by their logical ids, those without their condition left out.

        Raises:
            TemplateError: A condition cannot be evaluated.
        """
        return {
            name: resource
            for name, resource in self._section("Resources").items()
            if isinstance(resource, Mapping) and self._holds(resource.get("Condition"))
        }

    def properties(self, name: str) -> dict[str, Any]:
        """The properties of a resource, not evaluated; the `Globals` of SAM count for its functions.

        Args:
            name: The logical id.
        """
        resource = self._section("Resources")[name]
        own = dict(resource.get("Properties") or {})
        if resource.get("Type") != "AWS::Serverless::Function":
            return own
        return _merged(self._section("Globals").get("Function") or {}, own)

    def value(self, raw: Any) -> Any:
        """Evaluate a part of the template.

        Args:
            raw: The part.

        Returns:
            Plain values, and a `Reference` wherever the attribute of a resource belongs.

        Raises:
            TemplateError: It needs a function that is not known here, or a parameter without a default.
        """
        if isinstance(raw, list):
            return [item for item in map(self.value, raw) if item is not _NO_VALUE]
        if not isinstance(raw, Mapping):
            return raw
        if len(raw) == 1:
            ((name, argument),) = raw.items()
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, argument)
            if _is_function(raw):
                raise TemplateError(f"{self.path.name}: {name} has no value on this machine")
        values = {key: self.value(item) for key, item in raw.items()}
        return {key: item for key, item in values.items() if item is not _NO_VALUE}

    def ref(self, name: str) -> Any:
        """The value of `Ref`.

        Args:
            name: A parameter, a pseudo parameter or a resource.

        Raises:
            TemplateError: There is nothing of this name, or a parameter without a default.
        """
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackName": STACK_NAME,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        if name in self._section("Resources"):
            return Reference(name)
        parameter = self._section("Parameters").get(name) or {}
        if "Default" not in parameter:
            raise TemplateError(f"{self.path.name}: {name} is no parameter with a default, and no resource")
        default = parameter["Default"]
        if str(parameter.get("Type")).endswith("List") or "List<" in str(parameter.get("Type")):
            return str(default).split(",")
        return default

    # The functions

    def _get_att(self, argument: Any) -> Reference:
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return Reference(name, attribute)

    def _sub(self, argument: Any) -> str:
        text, given = argument if isinstance(argument, list) else (argument, {})

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            value = self.value(given[name]) if name in given else self.ref(name)
            if isinstance(value, Reference):
                raise TemplateError(f"{self.path.name}: Fn::Sub of the resource {name} is not known here")
            return _text(value)

        return _VARIABLE.sub(replace, text)

    def _join(self, argument: Any) -> str:
        separator, parts = argument
        return str(separator).join(_text(part) for part in self.value(parts))

    def _select(self, argument: Any) -> Any:
        index, items = argument
        return self.value(items)[int(self.value(index))]

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = map(self.value, argument)
        try:
            return self._section("Mappings")[name][first][second]
        except KeyError:
            raise TemplateError(f"{self.path.name}: {name} has no {first}, {second}") from None

    def _if(self, argument: Any) -> Any:
        condition, then, otherwise = argument
        return self.value(then if self._holds(condition) else otherwise)

    # Conditions

    def _holds(self, condition: str | None) -> bool:
        if condition is None:
            return True
        conditions = self._section("Conditions")
        if condition not in conditions:
            raise TemplateError(f"{self.path.name}: there is no condition {condition!r}")
        return self._is_true(conditions[condition])

    def _is_true(self, rule: Any) -> bool:
        ((name, argument),) = rule.items()
        if name == "Condition":
            return self._holds(argument)
        if name == "Fn::Equals":
            first, second = map(self.value, argument)
            return _text(first) == _text(second)
        combine: dict[str, Callable[[Iterator[bool]], bool]] = {
            "Fn::And": all,
            "Fn::Or": any,
            "Fn::Not": lambda rules: not any(rules),
        }
        if name not in combine:
            raise TemplateError(f"{self.path.name}: {name} is no condition that is known here")
        return combine[name](map(self._is_true, argument))

    def _section(self, name: str) -> Mapping[str, Any]:
        section = self.document.get(name)
        return section if isinstance(section, Mapping) else {}


_FUNCTIONS: Final[Mapping[str, Callable[[Template, Any], Any]]] = MappingProxyType(
    {
        "Ref": Template.ref,
        "Fn::FindInMap": Template._find_in_map,
        "Fn::GetAtt": Template._get_att,
        "Fn::If": Template._if,
        "Fn::Join": Template._join,
        "Fn::Select": Template._select,
        "Fn::Sub": Template._sub,
    }
)


def read_template(path: Path, region: str) -> Template:
    """Read a template.

    Args:
        path: Its file, YAML or JSON.
        region: The region that it is deployed to.

    Returns:
        The template.

    Raises:
        TemplateError: The file cannot be read, or is no template.
        MissingExtraError: The library that reads YAML is not installed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise TemplateError(f"cannot read {path}: {error}") from error
    document = _load(text, path)
    if not isinstance(document, Mapping) or not isinstance(document.get("Resources"), Mapping):
        raise TemplateError(f"{path} is no template: it has no Resources")
    return Template(path, region, document)


def _load(text: str, path: Path) -> Any:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError("pyyaml", "reading a template") from error

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Knows the short form of intrinsic functions."""

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


def _text(value: Any) -> str:
    # As CloudFormation spells booleans.
    return str(value).lower() if isinstance(value, bool) else str(value)
