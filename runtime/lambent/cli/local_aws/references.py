"""What an expression of a template refers to.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

# "${Table}", "${Table.Arn}" and "${AWS::Region}", but not "${!Literal}".
_SUBSTITUTED: Final = re.compile(r"\$\{([\w:]+)")
# Their values are in AWS, whatever the template says.
_REMOTE: Final = {"Fn::ImportValue", "Fn::Transform"}


def references(expression: Any) -> Iterator[str]:
    """What an expression needs before it can be evaluated.

    Args:
        expression: A part of a template.

    Yields:
        Names of resources, parameters, pseudo parameters and conditions; of functions those whose value is in
        AWS only.
    """
    if isinstance(expression, list):
        for item in expression:
            yield from references(item)
    elif isinstance(expression, Mapping):
        for name, argument in expression.items():
            yield from _of_member(name, argument)


def _of_member(name: str, argument: Any) -> Iterator[str]:
    if name in {"Ref", "Condition"} and isinstance(argument, str):
        yield argument
    elif name in _REMOTE:
        yield name
    elif name == "Fn::GetAtt":
        yield argument.partition(".")[0] if isinstance(argument, str) else argument[0]
    elif name == "Fn::Sub":
        text, given = argument if isinstance(argument, list) else (argument, {})
        yield from references(given)
        yield from (found for found in _SUBSTITUTED.findall(text) if found not in given)
    else:
        if name == "Fn::If":
            yield argument[0]
        yield from references(argument)
