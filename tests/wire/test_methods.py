"""The table of methods."""

import msgspec
import pytest
from msgspec import Raw
from tests.support import REQUESTS

from lambent.wire.methods import ANY_METHOD, METHODS, without_nulls

MIRRORED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "task_id",
    "tasks/update": "task_id",
    "tasks/cancel": "task_id",
}


def test_the_core_has_these_methods_and_its_extensions_more() -> None:
    assert set(REQUESTS) <= set(METHODS)
    assert {method.partition("/")[0] for method in set(METHODS) - set(REQUESTS)} == {"tasks"}


@pytest.mark.parametrize("name", METHODS)
def test_a_row_is_found_under_its_own_name(name: str) -> None:
    assert METHODS[name].name == name


@pytest.mark.parametrize("name", METHODS)
def test_a_header_repeats_what_a_method_is_aimed_at(name: str) -> None:
    """Streamable HTTP, "Standard Request Headers"; the tasks extension adds its ids."""
    assert METHODS[name].mirrored == MIRRORED.get(name)


def test_legacy_methods_are_gone() -> None:
    assert not {"initialize", "ping", "logging/setLevel", "resources/subscribe"} & set(METHODS)
    assert ANY_METHOD.name == ""


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("null", "{}"),
        ("{}", "{}"),
        ('{"a":null,"b":1}', '{"b":1}'),
        ('{"a":{"b":null,"c":{"d":null}},"e":[null,{"f":null}]}', '{"a":{"c":{}},"e":[null,{"f":null}]}'),
        ('{"kept":{"a":null, "b":1.50}}', '{"kept":{"a":null, "b":1.50}}'),
        ('{"kept":null}', "{}"),
        ('{"_meta":null}', '{"_meta":null}'),
    ],
)
def test_members_that_are_null_are_removed(raw: str, expected: str) -> None:
    assert bytes(without_nulls(Raw(raw.encode()), frozenset({"kept"}))).decode() == expected


@pytest.mark.parametrize("raw", ["[]", "1", '"x"', "{", '{"a":1e999}'])
def test_what_cannot_be_read_has_no_members(raw: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        without_nulls(Raw(raw.encode()), frozenset())
