"""Models that are written otherwise than they are read, or that refuse what they have written."""

import datetime as dt
from typing import Annotated, Any

import pydantic
from pydantic import AliasChoices, AliasPath, ConfigDict, Field


class Serialized(pydantic.BaseModel):
    price: float
    day: dt.date

    @pydantic.field_serializer("price")
    def _price(self, value: float) -> str:
        return f"EUR {value}"

    @pydantic.model_serializer(mode="wrap")
    def _all(self, handler: Any) -> Any:
        return [handler(self)]


class Aliased(pydantic.BaseModel):
    one: str = Field(alias="One")
    two: str = Field(validation_alias="Two", serialization_alias="II")
    three: str = Field(validation_alias=AliasChoices("Three", AliasPath("more", 0)))


class Excluded(pydantic.BaseModel):
    secret: str = Field(exclude=True)
    inner: "Excluded | None" = Field(None, exclude=True)


class Computed(pydantic.BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2 * self.a


class OneWay(pydantic.BaseModel):
    amount: int
    names: Annotated[list[str], pydantic.BeforeValidator(lambda text: text.split(","))]

    @pydantic.field_validator("amount", mode="before")
    @classmethod
    def _parsed(cls, value: str) -> int:
        return int(value.removesuffix(" EUR"))

    @pydantic.model_validator(mode="before")
    @classmethod
    def _opened(cls, value: Any) -> Any:
        return value["order"]


class Counted(pydantic.BaseModel):
    """Each validation changes it."""

    n: int

    @pydantic.field_validator("n")
    @classmethod
    def _next(cls, value: int) -> int:
        return value + 1


@pydantic.dataclasses.dataclass
class Data:
    amount: Annotated[int, pydantic.BeforeValidator(lambda text: int(text.removesuffix(" EUR")))]
    secret: str = Field("", exclude=True)


SERIALIZED = Serialized(price=1.5, day=dt.date(2026, 7, 28))
ALIASED = Aliased(One="1", Two="2", Three="3")  # type: ignore[call-arg]
ONE_WAY = OneWay.model_validate({"order": {"amount": "5 EUR", "names": "a,b"}})

KEPT: list[tuple[Any, Any]] = [
    (Serialized, SERIALIZED),
    (Aliased, ALIASED),
    (Excluded, Excluded(secret="x", inner=Excluded(secret="y"))),
    (Computed, Computed(a=1)),
    (OneWay, ONE_WAY),
    (Counted, Counted(n=1)),
    (Data, Data("5 EUR", "x")),
]
"""Types, each with a value that must come back equal."""
