import pytest

from lambent.cli.client.arguments import read_arguments, read_value
from lambent.cli.errors import UsageError

SCHEMA = {
    "type": "object",
    "properties": {
        "order": {"$ref": "#/$defs/Order"},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "maybe": {"type": ["string", "null"]},
        "level": {"enum": [1, 2]},
        "kind": {"const": "a"},
        "ratio": {"type": "number"},
        "anything": {},
        "loop": {"$ref": "#/properties/loop"},
        "on": {"type": "boolean"},
    },
    "$defs": {"Order": {"type": "object"}},
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ('order={"id": 1}', {"id": 1}),
        ("either=7", 7),
        ("either=seven", "seven"),
        ("either=[1]", "[1]"),
        ("maybe=null", None),
        ("maybe=7", "7"),
        ("level=2", 2),
        ("kind=a", "a"),
        ("ratio=1", 1),
        ("anything=1", 1),
        ("anything=one", "one"),
        ("loop=x=y", "x=y"),
        ("on=true", True),
    ],
)
def test_a_value_has_the_type_of_its_schema(word, value):
    assert read_arguments([word], None, SCHEMA) == {word.partition("=")[0]: value}


@pytest.mark.parametrize("word", ["order=[]", "ratio=true", "ratio=NaN", "on=1", "on=yes", "level=x"])
def test_a_value_of_another_type(word):
    with pytest.raises(UsageError, match="is wanted"):
        read_arguments([word], None, SCHEMA)


def test_names_that_the_schema_leaves_open():
    assert read_arguments(["x=1"], None, {**SCHEMA, "additionalProperties": True}) == {"x": 1}
    with pytest.raises(UsageError, match="there is no argument x"):
        read_arguments(["x=1"], None, SCHEMA)
    assert read_arguments([], '{"x": 1}', SCHEMA) == {"x": 1}


def test_texts_of_servers_do_not_reach_the_terminal():
    with pytest.raises(UsageError) as caught:
        read_value("\x1bname", "x", {"type": "\x1b[2J"}, {})
    assert "\x1b" not in str(caught.value)
