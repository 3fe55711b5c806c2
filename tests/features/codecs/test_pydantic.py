"""What pydantic describes: results as they are written, values kept as they were, problems that are few."""

import collections
import dataclasses
import datetime as dt
import enum
import uuid
from typing import Annotated, Any, NamedTuple, Optional

import annotated_types as at
import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field, Json, PrivateAttr, SecretBytes, SecretStr
from tests.support import Client, make_server

from lambent import DeclarationError
from lambent.features.codecs import ValidationError, arguments_codec, codec_of
from lambent.features.codecs._pydantic import PydanticCodec
from lambent.features.functions import Parameter


class Untyped(BaseModel):
    when: dt.date

    @pydantic.field_serializer("when")
    def year(self, value):  # type: ignore[no-untyped-def]
        return value.year


class Replaced(BaseModel):
    x: int

    @pydantic.model_serializer
    def only_y(self):  # type: ignore[no-untyped-def]
        return {"y": self.x}


@pytest.mark.parametrize(
    ("value", "raw", "schema"),
    [
        (
            Untyped(when=dt.date(2026, 7, 28)),
            b'{"when":2026}',
            {
                "title": "Untyped",
                "type": "object",
                "properties": {"when": {"title": "When"}},
                "required": ["when"],
            },
        ),
        (Replaced(x=1), b'{"y":1}', {}),
    ],
)
def test_a_serializer_without_a_type_is_described_as_anything(
    value: Any, raw: bytes, schema: dict[str, Any]
) -> None:
    written = codec_of(type(value), "write")
    assert (written.encode(value), written.schema()) == (raw, schema)


class Embedded(BaseModel):
    items: Json[list[int]]


def test_results_may_hold_what_was_read_from_text() -> None:
    assert codec_of(Embedded, "write").encode(Embedded(items="[1]")) == b'{"items":[1]}'


class Raw(BaseModel):
    data: bytes
    extra: bytes = b""


class Hexadecimal(BaseModel):
    model_config = ConfigDict(ser_json_bytes="hex", val_json_bytes="base64")
    data: bytes


class Counted(BaseModel):
    id: str = ""
    count: int = 0

    def model_post_init(self, _context: Any) -> None:
        self.id = uuid.uuid4().hex
        self.count += 1


@pydantic.dataclasses.dataclass
class Prepared:
    given: dataclasses.InitVar[int]
    count: int = 0
    made: str = dataclasses.field(init=False, default="")

    def __post_init__(self, given: int) -> None:
        self.count += given
        self.made = uuid.uuid4().hex


class Pair(NamedTuple):
    data: bytes
    raw: Raw


class Hidden(BaseModel):
    _cache: dict[str, int] = PrivateAttr(default_factory=dict)
    x: int = 1


KEPT = [
    (Raw, Raw(data=b"\xff\x00")),
    (list[Raw], [Raw(data=b"\xff", extra=b"text")]),
    (Pair, Pair(b"\xff", Raw(data=b"\xfe"))),
    (Hexadecimal, Hexadecimal(data=b"ab")),
    (Embedded, Embedded(items="[1]")),
    (Counted, Counted()),
    (Prepared, Prepared(2)),
    (Hidden, Hidden(x=2)),
]


@pytest.mark.parametrize(("hint", "value"), KEPT, ids=[str(type(value).__name__) for _, value in KEPT])
def test_what_is_kept_comes_back_as_it_was(hint: Any, value: Any) -> None:
    kept = codec_of(hint, "keep")
    assert kept.decode(kept.encode(value)) == value


@pytest.mark.parametrize("hint", [SecretStr, SecretBytes, list[SecretStr], dict[str, SecretStr | None]])
def test_what_is_written_as_asterisks_cannot_be_kept(hint: Any) -> None:
    with pytest.raises(DeclarationError, match="secrets are written as asterisks: write str"):
        codec_of(hint, "keep")
    with pytest.raises(DeclarationError, match="secrets"):
        codec_of(pydantic.create_model("Login", password=(hint, ...)), "keep")
    assert codec_of(hint).schema()


class Item(BaseModel):
    a: int
    b: int


class Others(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Item]


class Named(NamedTuple):
    items: list[Item]


COUNT = 20_000


@pytest.mark.parametrize(
    ("hint", "sent"),
    [
        (collections.deque[Item], "[" + ",".join(["{}"] * COUNT) + "]"),
        (collections.OrderedDict[str, Item], "{" + ",".join(f'"{n}":{{}}' for n in range(COUNT)) + "}"),
        (collections.defaultdict[str, list[Item]], "{" + ",".join(f'"{n}":1' for n in range(COUNT)) + "}"),
        (Named, "[[" + ",".join(["{}"] * COUNT) + "]]"),
    ],
    ids=["deque", "OrderedDict", "defaultdict", "NamedTuple"],
)
def test_collections_stop_at_their_first_bad_item(hint: Any, sent: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PydanticCodec(hint).decode(sent.encode())
    assert "problems in it" not in str(caught.value)


def test_members_without_a_name_have_one_problem_each() -> None:
    codec = codec_of(Others)
    with pytest.raises(ValidationError) as caught:
        codec.decode(b'{"x":{},"y":{}}')
    assert str(caught.value) == "; ".join(
        f"It does not fit the type of further members - at `$.{name}`" for name in "xy"
    )
    with pytest.raises(ValidationError, match="it holds more than 100000 values"):
        codec.decode(("{" + ",".join(f'"{n}":{{}}' for n in range(100_002)) + "}").encode())


def test_what_pydantic_needs_and_is_not_there_is_told_at_the_declaration() -> None:
    class Needy:
        @classmethod
        def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
            raise ImportError("needy is not installed, run `pip install needy`")

    with pytest.raises(DeclarationError, match="needy is not installed"):
        codec_of(Needy)


class Shape(enum.Enum):
    LINE = (1, 2)


def test_an_enum_of_lists_does_not_fail_the_list() -> None:
    mcp = make_server()

    @mcp.tool()
    def draw(shape: Shape = Shape.LINE, note: Optional[Annotated[str, Field()]] = None) -> str:  # noqa: UP045
        return shape.name

    client = Client(mcp.lambda_handler())
    assert client.tool("draw")["inputSchema"]["$defs"]["Shape"]["enum"] == [[1, 2]]
    assert client.call("draw").text == "LINE"


def test_predicates_are_checked() -> None:
    """msgspec ignores them."""
    arguments = arguments_codec("f", [Parameter("x", Annotated[int, at.Predicate(bool)], 1)])
    assert arguments.decode(b'{"x":"2"}') == {"x": 2}
    with pytest.raises(ValidationError, match=r"at `\$\.x`"):
        arguments.decode(b'{"x":0}')
