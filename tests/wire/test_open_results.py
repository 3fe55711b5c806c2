"""Results with members that only the author of a server knows."""

from typing import Any

import pytest
from msgspec import Raw

from lambent.wire import jsonrpc
from lambent.wire.open_results import open_result
from lambent.wire.results import Result


@pytest.mark.parametrize(
    ("members", "written"),
    [
        ({}, '{"resultType":"complete"}'),
        (
            {"items": [1], "com.example/x": {"a": None}},
            '{"resultType":"complete","items":[1],"com.example/x":{"a":null}}',
        ),
        ({"items": Raw(b"[1, 2]")}, '{"resultType":"complete","items":[1, 2]}'),
        ({"resultType": "receipt", "token": "r-1"}, '{"resultType":"receipt","token":"r-1"}'),
        ({"resultType": None, "_meta": None}, '{"resultType":"complete"}'),
        ({"_meta": {"a": 1}, "b": 2}, '{"resultType":"complete","_meta":{"a":1},"b":2}'),
        ({"result_type": 1, "meta": 2}, '{"resultType":"complete","result_type":1,"meta":2}'),
    ],
)
def test_members_are_on_the_wire_as_they_are_named(members: dict[str, Any], written: str) -> None:
    result = open_result(members)
    assert isinstance(result, Result)
    assert jsonrpc.encode(result) == written.encode()


def test_results_with_the_same_names_do_not_share_values() -> None:
    first, second = open_result({"a": 1}), open_result({"a": 2})
    assert jsonrpc.encode(first) == b'{"resultType":"complete","a":1}'
    assert jsonrpc.encode(second) == b'{"resultType":"complete","a":2}'
