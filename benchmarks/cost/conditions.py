"""Values of a template, as its parameters have them."""

from collections.abc import Mapping
from typing import Any, Final

NOTHING: Final = object()
"""What AWS::NoValue is."""


class Evaluation:
    """A template with values for its parameters.

    What refers to resources stays as it is.

    Args:
        document: the template.
        parameters: those that are not as they are by default.

    Raises:
        ValueError: there is no such parameter, or no such value.
    """

    def __init__(self, document: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        declared = document.get("Parameters", {})
        for name, value in parameters.items():
            if value not in map(str, declared.get(name, {}).get("AllowedValues", [])):
                raise ValueError(f"the template has no parameter {name} that may be {value}")
        self._parameters = {name: one.get("Default", "") for name, one in declared.items()} | {**parameters}
        self._conditions = document.get("Conditions", {})

    def exists(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource is made."""
        return "Condition" not in resource or self._holds(resource["Condition"])

    def value(self, expression: Any) -> Any:
        """An expression without parameters and conditions."""
        if isinstance(expression, list):
            return [self.value(one) for one in expression]
        if not isinstance(expression, dict):
            return expression
        if expression == {"Ref": "AWS::NoValue"}:
            return NOTHING
        match list(expression.items()):
            case [("Ref", name)] if name in self._parameters:
                return self._parameters[name]
            case [("Fn::If", [condition, given, otherwise])]:
                return self.value(given if self._holds(condition) else otherwise)
            case [("Fn::Equals", [one, other])]:
                return str(self.value(one)) == str(self.value(other))
            case [("Fn::Not", [one])]:
                return not self.value(one)
        return {key: self.value(one) for key, one in expression.items()}

    def _holds(self, condition: str) -> bool:
        return bool(self.value(self._conditions[condition]))
