"""The size of what a function returns, against the client that Lambda's runtimes have."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import marshal

from lambent.wire.http import HttpResponse, Request
from lambent.wire.payloads import BALANCER_LIMIT, LAMBDA_LIMIT, ResponseLimit, is_escaped, string_size

RUNTIMES = [f"AWS_Lambda_python3.{minor}" for minor in range(9, 19)]
texts = st.text(st.characters(exclude_categories=["Cs"]))
"""Any text; lone surrogates have no UTF-8."""


@given(texts, st.booleans())
def test_any_text_has_the_size_that_the_client_gives_it(text: str, is_ascii: bool) -> None:
    written = marshal(text, is_ascii=is_ascii)
    assert string_size(text.encode(), is_ascii=is_ascii) == len(written) - len('""')


@pytest.mark.parametrize("is_ascii", [True, False])
def test_every_character_has_that_size(is_ascii: bool) -> None:
    for first in range(0, sys.maxunicode, 0x1000):
        block = "".join(chr(code) for code in range(first, first + 0x1000) if not 0xD800 <= code <= 0xDFFF)
        size = len(marshal(block, is_ascii=is_ascii)) - len('""')
        assert string_size(block.encode(), is_ascii=is_ascii) == size


@pytest.mark.parametrize("runtime", [None, "", "AWS_Lambda_provided.al2023", *RUNTIMES])
def test_what_each_runtime_escapes(runtime: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)
    if runtime is not None:
        monkeypatch.setenv("AWS_EXECUTION_ENV", runtime)
    client = pytest.importorskip("awslambdaric.lambda_runtime_marshaller")
    written = client.LambdaMarshaller().marshal_response("é")[0]
    assert is_escaped(runtime) is (written != '"é"')


@given(texts, st.dictionaries(st.text(), st.text()), st.booleans())
def test_a_response_has_that_size(text: str, headers: dict[str, str], is_ascii: bool) -> None:
    headers = {name: value for name, value in headers.items() if (name + value).isascii()}

    def write(event: Any, response: HttpResponse) -> Any:
        return {"statusCode": response.status, "headers": response.headers, "body": response.body.decode()}

    limit, response = ResponseLimit(write, 1, is_ascii), HttpResponse(200, headers, text.encode())
    assert limit.measure(Request(), response) == len(marshal(write(None, response), is_ascii=is_ascii))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (None, LAMBDA_LIMIT),
        ({}, LAMBDA_LIMIT),
        ({"requestContext": None}, LAMBDA_LIMIT),
        ({"requestContext": {"http": {}}}, LAMBDA_LIMIT),
        ({"requestContext": {"elb": {"targetGroupArn": "arn"}}}, BALANCER_LIMIT),
    ],
)
def test_a_load_balancer_has_a_lower_limit(event: Any, expected: int) -> None:
    limit = ResponseLimit(lambda event, response: None)
    assert limit.of(Request(event=event)) == expected
    assert ResponseLimit(limit.write, 1000).of(Request(event=event)) == 1000
