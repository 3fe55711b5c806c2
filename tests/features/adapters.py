"""Makes the same function one that msgspec describes, or one that pydantic does."""

from collections.abc import Callable
from typing import Annotated, Any

import pydantic
import pytest

from lambent.features.shapes import Field, Shape
from lambent.features.shapes._msgspec import MsgspecRecord, MsgspecShape
from lambent.features.shapes._pydantic import PydanticRecord, PydanticShape

ADAPTERS = ["msgspec", "pydantic"]
each_adapter = pytest.mark.parametrize("adapter", ADAPTERS)


def shape(adapter: str, hint: Any) -> Shape:
    """The shape of a hint."""
    return MsgspecShape(hint) if adapter == "msgspec" else PydanticShape(hint)


def record(adapter: str, *fields: Field) -> Shape:
    """The shape of a function's parameters."""
    return (MsgspecRecord if adapter == "msgspec" else PydanticRecord)("Arguments", list(fields))


def mention(adapter: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Mention pydantic in every hint of a function but those that mean text or nothing, or in none."""
    if adapter == "pydantic":
        function.__annotations__ = {
            name: hint if name == "return" and hint in (str, None, Any) else Annotated[hint, pydantic.Field()]
            for name, hint in function.__annotations__.items()
        }
    return function
