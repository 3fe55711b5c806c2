"""Sessions as parameters: a handle in the schema, an object in the function."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from tests.support import Client, make_handler, make_server

from lambent import Context, DeclarationError, Session
from lambent.features.signature import hides_session, kind_of, session_param


@dataclass
class DataCart:
    items: list[str] = field(default_factory=list)


class StructCart(msgspec.Struct):
    items: list[str] = []


class ModelCart(pydantic.BaseModel):
    items: list[str] = []


KINDS = [DataCart, StructCart, ModelCart]


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_asks_for_a_handle(kind: Any) -> None:
    mcp = make_server()

    @mcp.tool()
    def add(cart: Session[kind], item: str) -> int:  # type: ignore[valid-type]
        return 0

    schema = Client(make_handler(mcp)).tool("add")["inputSchema"]
    text = f"Handle of a {kind.__qualname__} session, as another tool returned it."
    assert schema["properties"]["cart"] == {
        "title": "Cart",
        "type": "string",
        "description": text,
    }
    assert sorted(schema["required"]) == ["cart", "item"]
    assert "$defs" not in schema


@pytest.mark.parametrize("kind", KINDS)
def test_the_parameter(kind: Any) -> None:
    param = session_param("cart", Session[kind])
    assert param is not None
    assert (param.name, param.kind) == ("cart", kind_of(kind))
    assert param.codec.decode(b'{"items":["a"]}') == kind(items=["a"])


@pytest.mark.parametrize("hint", [str, DataCart, Annotated[str, "text"], list[DataCart], None, Context])
def test_other_hints_are_none(hint: Any) -> None:
    assert session_param("x", hint) is None
    assert not hides_session(hint)


@pytest.mark.parametrize(
    "hint", [Session[DataCart] | None, list[Session[DataCart]], dict[str, Session[DataCart] | int]]
)
def test_a_session_stands_by_itself(hint: Any) -> None:
    assert hides_session(hint)
    with pytest.raises(DeclarationError, match="cart"):

        @make_server().tool()
        def add(cart: hint) -> None: ...


def test_a_call_changes_one_session() -> None:
    with pytest.raises(DeclarationError, match="one session"):

        @make_server().tool()
        def merge(a: Session[DataCart], b: Session[DataCart]) -> None: ...


def test_what_is_kept_must_have_a_json_form() -> None:
    class Opaque:
        def __init__(self, file: Any) -> None: ...

    with pytest.raises(DeclarationError):

        @make_server().tool()
        def use(it: Session[Opaque]) -> None: ...


def test_kinds_are_told_apart_by_their_names() -> None:
    assert len({kind_of(kind) for kind in KINDS}) == len(KINDS)
