"""Lists, records and null that arrive as JSON text."""

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from tests.features.adapters import codec, each_adapter, mention
from tests.support import Client, make_server
from typing_extensions import TypedDict

from lambent.features.codecs import ValidationError
from lambent.features.codecs.json_text import may_hold_texts, parse_texts


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Node:
    name: str
    nodes: "list[Node] | None" = None


@dataclass
class Tree:
    nodes: "list[Tree]" = field(default_factory=list)


class Options(TypedDict):
    names: list[str]


class Pair(NamedTuple):
    line: Line
    text: str


TEXTS: list[tuple[Any, Any, Any]] = [
    (list[int], "[1,2]", [1, 2]),
    (list[int], ' \n[1,"2"]', [1, 2]),
    (list, "[]", []),
    (dict[str, int], '{"a":1}', {"a": 1}),
    (set[int], "[1]", {1}),
    (tuple[int, str], '[1,"[2]"]', (1, "[2]")),
    (tuple[list[int], ...], ["[1]", [2]], ([1], [2])),
    (Line, '{"sku":"s","count":"2"}', Line("s", 2)),
    (Line | None, "null", None),
    (int | None, "null", None),
    (int | None, " null", None),
    (list[int] | None, "null", None),
    (list[int] | None, "[1]", [1]),
    (list[Line], ['{"sku":"s"}'], [Line("s")]),
    (list[Line], '["{\\"sku\\":\\"s\\"}"]', [Line("s")]),
    (list[list[int]], '["[1]"]', [[1]]),
    (dict[str, list[int]], {"a": "[1]"}, {"a": [1]}),
    (Options, '{"names":"[\\"a\\"]"}', {"names": ["a"]}),
    (Pair, ['{"sku":"s"}', "{}"], Pair(Line("s"), "{}")),
    (Node, {"name": "[a]", "nodes": '[{"name":"null","nodes":"null"}]'}, Node("[a]", [Node("null")])),
    (int | list[int], "[1]", [1]),
    (list[list[int]] | None, '["[1]"]', [[1]]),
    (list[list[int]] | None, ["[1]"], [[1]]),
    (dict[str, list[int]] | None, {"a": "[1]"}, {"a": [1]}),
    (list[Line | None] | Literal[5], ['{"sku":"s"}', "null"], [Line("s"), None]),
    (Annotated[list[int], "Which"], "[1]", [1]),
    (list[Literal["a", "b"]], '["a"]', ["a"]),
    (Literal[1, None], "null", None),
]


@each_adapter
@pytest.mark.parametrize(("hint", "sent", "value"), TEXTS)
def test_text_is_read_as_the_json_in_it(adapter: str, hint: Any, sent: Any, value: Any) -> None:
    assert codec(adapter, hint).decode(json.dumps(sent).encode()) == value
    assert codec(adapter, hint).convert(sent) == value


STAY: list[tuple[Any, Any]] = [
    (str, "[1]"),
    (str | None, "null"),
    (str | list[int], "[1]"),
    (list[str], ["[1]", "null", "{}"]),
    (dict[str, str], {"[1]": "{}"}),
    (Any, "[1]"),
    (list, ["[1]"]),
    (Any | None, "null"),
    (Line, {"sku": "null"}),
    (Literal["[1]", "a"], "[1]"),
]


@each_adapter
@pytest.mark.parametrize(("hint", "sent"), STAY)
def test_text_stays_where_text_is_allowed(adapter: str, hint: Any, sent: Any) -> None:
    expected = Line(**sent) if hint is Line else sent
    assert codec(adapter, hint).decode(json.dumps(sent).encode()) == expected
    assert codec(adapter, hint).convert(sent) == expected


WRONG: list[tuple[Any, Any]] = [
    (list[int], "[1"),
    (list[int], "x"),
    (list[int], '["a"]'),
    (list[int], '{"a":1}'),
    (list[int], "null"),
    (int, "[1]"),
    (Line, "[]"),
    (Line, '"{}"'),
    (Line, '{"count":1}'),
    (dict[str, int], "null"),
    (list[int], '"[1]"'),
    (list[list[int]], "[" * 10_000),
    (Node, '{"name":1}'),
]


@each_adapter
@pytest.mark.parametrize(("hint", "sent"), WRONG)
def test_text_that_is_no_such_json_is_refused(adapter: str, hint: Any, sent: Any) -> None:
    with pytest.raises(ValidationError):
        codec(adapter, hint).decode(json.dumps(sent).encode())
    with pytest.raises(ValidationError):
        codec(adapter, hint).convert(sent)


@each_adapter
@pytest.mark.parametrize(
    ("hint", "sent", "value"),
    [(list[bool], ["true"], [True]), (Literal[1, 2], "2", 2), (list[Literal[1, True]], ["1"], [1])],
)
def test_values_that_are_no_text_may_be_text_where_all_is_text(
    adapter: str, hint: Any, sent: Any, value: Any
) -> None:
    """As variables of templates and arguments of prompts are."""
    assert codec(adapter, hint).convert(sent) == value


@pytest.mark.parametrize(
    ("raw", "may"),
    [
        (b'{"a":"[1]"}', True),
        (b'{"a":" {"}', True),
        (b'{"a":"null"}', True),
        (b'{"a":"x[1]"}', False),
        (b'{"a":[1],"b":null,"c":{}}', False),
    ],
)
def test_json_without_such_text_is_not_decoded_again(raw: bytes, may: bool) -> None:
    assert may_hold_texts(raw) is may


def test_a_recursive_type_takes_time_in_proportion_to_the_value() -> None:
    """Each level of a union of records would else double what is tried."""
    schema = {
        "$defs": {
            "A": {
                "type": "object",
                "properties": {"x": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}},
            },
            "B": {
                "type": "object",
                "properties": {"x": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}},
            },
        },
        "anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
    }
    value: Any = "{}"
    for _ in range(60):
        value = {"x": value}
    parsed = parse_texts(value, schema)
    for _ in range(60):
        parsed = parsed["x"]
    assert parsed == {}


@each_adapter
def test_deep_text_is_refused_not_fatal(adapter: str) -> None:
    mcp = make_server()

    def take(node: Any) -> str:
        return "taken"

    take.__annotations__["node"] = Tree
    mcp.tool()(mention(adapter, take))
    mcp.prompt()(take)
    client = Client(mcp.lambda_handler())
    text = '{"nodes":[' * 300 + "]}" * 300
    assert client.call("take", {"node": text}).text.startswith("Error executing tool take: Invalid arguments")
    assert client.prompt("take", {"node": text}).error["code"] == -32602
    assert client.call("take", {"node": json.dumps({"nodes": ["{}"]})}).text == "taken"
