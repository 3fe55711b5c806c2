"""Parameters that may not be shown."""

from dataclasses import dataclass
from typing import Annotated, Any, Generic, NewType, TypedDict, TypeVar

import pydantic
import pytest
from tests.support import make_server
from typing_extensions import TypeAliasType

from lambent import DeclarationError
from lambent.features.sensitive import holds_secret, visibility_of
from lambent.features.signature import Signature

T = TypeVar("T")


Recursive = TypeAliasType("Recursive", "list[Recursive] | int")


@dataclass
class WithSecret:
    """A record with a secret."""

    inner: "list[Inner]"


class Inner(TypedDict):
    value: pydantic.SecretStr | None


class Box(pydantic.BaseModel, Generic[T]):
    value: T


class OwnSecret(pydantic.SecretStr):
    """A subclass."""


@pytest.mark.parametrize(
    "hint",
    [
        pydantic.SecretStr,
        pydantic.SecretBytes,
        pydantic.Secret[int],
        OwnSecret,
        pydantic.SecretStr | None,
        list[pydantic.SecretStr],
        Annotated[pydantic.SecretStr, pydantic.Field(min_length=4)],
        dict[str, list[pydantic.SecretBytes]],
        WithSecret,
        Annotated[WithSecret | None, "x"],
        Box[pydantic.SecretStr],
        list[Box[list[pydantic.SecretStr]]],
        NewType("Pin", pydantic.SecretStr),
        TypeAliasType("Alias", list[pydantic.SecretStr]),
    ],
)
def test_secrets_are_found_wherever_they_are(hint: Any) -> None:
    assert holds_secret(hint)


@pytest.mark.parametrize(
    "hint", [str, bytes, Any, dict[str, Any], None, list[int], Annotated[str, "secret"], Box[int], Recursive]
)
def test_other_types_hold_none(hint: Any) -> None:
    assert not holds_secret(hint)


def signature_of(function: Any, **options: Any) -> tuple[Signature, frozenset[str]]:
    mcp = make_server()
    mcp.tool("t", **options)(function)
    tool = mcp.freeze().tools["t"]
    return tool.signature, tool.sensitive


def test_every_name_of_a_sensitive_parameter_is_hidden() -> None:
    choices = pydantic.AliasChoices("pinCode", "pin_code")

    def by_alias(pin: Annotated[int, pydantic.Field(validation_alias=choices)], other: int = 0) -> str:
        return ""

    for declared in (["pin"], ["pinCode"], ["pin_code"]):
        found = visibility_of(*signature_of(by_alias, sensitive=declared))
        assert found.hidden == {"pin", "pinCode", "pin_code"}
        assert found.names == {"other"}
        assert not found.others


def test_names_of_no_parameter_are_refused() -> None:
    with pytest.raises(DeclarationError) as caught:
        make_server().tool("t", sensitive=["b", "a", "x"])(lambda x="": x)
    assert str(caught.value) == "t: sensitive names what is no parameter: a, b"


def test_a_text_is_no_list_of_names() -> None:
    with pytest.raises(DeclarationError) as caught:
        make_server().tool("t", sensitive="x")(lambda x="": x)
    assert str(caught.value) == 'sensitive is a list of names, such as ["card_number"]'


def test_other_arguments_may_have_any_name() -> None:
    def open_(x: int = 0, **others: str) -> str:
        return ""

    found = visibility_of(*signature_of(open_, sensitive=["token"]))
    assert [found.shows(name) for name in ("x", "y", "token")] == [True, True, False]


def test_other_arguments_may_be_secrets() -> None:
    def open_(x: int = 0, **others: pydantic.SecretStr) -> str:
        return ""

    found = visibility_of(*signature_of(open_))
    assert [found.shows(name) for name in ("x", "y")] == [True, False]
