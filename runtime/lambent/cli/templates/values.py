"""Values of a template's expressions, as far as they are known before a deploy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lambent.cli.local_aws.template import Template

UNKNOWN: Final = object()
"""What depends on parameters, conditions or resources."""

_NO_VALUE: Final = {"Ref": "AWS::NoValue"}
_IN_TEXT: Final = re.compile(r"\$\{(?!!)\s*([A-Za-z0-9]+)[^}]*\}")


def value_of(template: Template, expression: Any) -> Any:
    """The value of an expression.

    Args:
        template: Has the parameters, which count with their defaults.
        expression: As the template has it.

    Returns:
        None where there is none, ``UNKNOWN`` where it is not known before a deploy.
    """
    if expression == _NO_VALUE:
        return None
    if not isinstance(expression, Mapping):
        return expression
    if list(expression) == ["Ref"]:
        parameter = template.section("Parameters").get(expression["Ref"])
        if isinstance(parameter, Mapping):
            return parameter.get("Default", UNKNOWN)
    return UNKNOWN


def number_of(template: Template, expression: Any) -> float | None:
    """The number that an expression is; None where there is none, or it is not known before a deploy.

    Args:
        template: As for ``value_of``.
        expression: As the template has it.
    """
    try:
        return float(value_of(template, expression))
    except (TypeError, ValueError):
        return None


def references(expression: Any) -> Iterator[str]:
    """The logical ids that an expression refers to, in its texts too.

    Args:
        expression: As the template has it.
    """
    if isinstance(expression, Mapping):
        for name, inner in expression.items():
            if name == "Ref":
                yield str(inner).partition(".")[0]
            elif name == "Fn::GetAtt":
                yield str(inner[0] if isinstance(inner, list) else inner).partition(".")[0]
            else:
                yield from references(inner)
    elif isinstance(expression, list):
        for inner in expression:
            yield from references(inner)
    elif isinstance(expression, str):
        yield from _IN_TEXT.findall(expression)
