"""Makes the same function one that msgspec describes, or one that pydantic does."""

from collections.abc import Callable
from typing import Annotated, Any

import pydantic
import pytest

from lambent.features.codecs import Codec, Field
from lambent.features.codecs._msgspec import MsgspecArguments, MsgspecCodec
from lambent.features.codecs._pydantic import PydanticArguments, PydanticCodec

ADAPTERS = ["msgspec", "pydantic"]
each_adapter = pytest.mark.parametrize("adapter", ADAPTERS)


def codec(adapter: str, hint: Any) -> Codec:
    """The codec of a hint."""
    return MsgspecCodec(hint) if adapter == "msgspec" else PydanticCodec(hint)


def record(adapter: str, *fields: Field) -> Codec:
    """The codec of a function's arguments."""
    return (MsgspecArguments if adapter == "msgspec" else PydanticArguments)("Arguments", list(fields))


def mention(adapter: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Mention pydantic in every hint of a function but those that mean text or nothing, or in none."""
    if adapter == "pydantic":
        function.__annotations__ = {
            name: hint if name == "return" and hint in (str, None, Any) else Annotated[hint, pydantic.Field()]
            for name, hint in function.__annotations__.items()
        }
    return function
