"""Tools that work and are seldom meant: one warning each, where they are declared."""

import inspect
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from pydantic import Field
from tests.support import Client, make_server

from lambent import Context, DeclarationError, DeclarationWarning, Resolve

NO_TYPE = "has no type, so clients are told nothing of it and may send anything"
NAMES = (
    'and clients may refuse it: write a name of 1 to 128 letters, digits, "_", "-" and ".", as in '
    '@mcp.tool("get_order")'
)


def warned(declare: Callable[[], Any]) -> list[str]:
    """What declaring something warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        declare()
    assert all(one.category is DeclarationWarning for one in caught)
    assert all(one.filename == __file__ for one in caught)
    return [str(one.message) for one in caught]


def test_parameters_without_a_type_are_named_and_take_anything() -> None:
    mcp = make_server()

    def declare() -> None:
        @mcp.tool()
        def find(text, limit=5, *, sort: str = "", deep=Field(False)):  # type: ignore[no-untyped-def]  # noqa: B008
            return f"{text!r} {limit!r}"

    assert warned(declare) == [
        f"find: parameter {name!r} {NO_TYPE}: write a type, as in {name}: str, or {name}: Any where anything "
        "is meant"
        for name in ("text", "limit", "deep")
    ]
    client = Client(mcp.lambda_handler())
    assert client.call("find", {"text": [1], "limit": None}).text == "[1] None"


def test_a_context_without_its_type_is_told_how_to_become_one() -> None:
    def declare() -> None:
        make_server().tool("t")(lambda ctx: "")

    assert warned(declare) == [
        f"t: parameter 'ctx' {NO_TYPE}: write ctx: Context for the call's context, or a type, as in ctx: str"
    ]


def test_the_warning_points_at_the_declaration() -> None:
    frame = inspect.currentframe()
    assert frame is not None
    with pytest.warns(DeclarationWarning) as caught:
        make_server().tool("t")(lambda x: "")
    assert caught[0].lineno == frame.f_lineno - 1


def test_nothing_is_said_of_what_is_meant() -> None:
    mcp = make_server()

    @mcp.tool()
    def meant(
        ctx: Context, a: Any, b: Annotated[int, Resolve(lambda: 1)], c: object = None, **others: Any
    ) -> None: ...

    @mcp.tool()
    def others(**arguments) -> None: ...  # type: ignore[no-untyped-def]

    @mcp.prompt()
    def prompt(name) -> str:  # type: ignore[no-untyped-def]
        return f"{name}"

    @mcp.resource("a://{name}")
    def resource(name) -> str:  # type: ignore[no-untyped-def]
        return f"{name}"


@pytest.mark.parametrize(
    ("name", "shown", "problem"),
    [
        ("get order", "'get order'", "has ' '"),
        ("user/update, now", "'user/update, now'", "has '/', ',', ' '"),
        ("größe", r"'gr\xf6\xdfe'", r"has '\xf6', '\xdf'"),
        ("x" * 129, repr("x" * 129), "has 129 characters"),
    ],
)
def test_names_that_clients_may_refuse(name: str, shown: str, problem: str) -> None:
    mcp = make_server()
    assert warned(lambda: mcp.tool(name)(lambda: "x")) == [f"The tool name {shown} {problem}, {NAMES}"]
    assert Client(mcp.lambda_handler()).call(name).text == "x"


def test_a_function_without_a_name() -> None:
    assert warned(lambda: make_server().tool()(lambda: "x")) == [
        f"The tool name '<lambda>' has '<', '>', {NAMES}"
    ]


@pytest.mark.parametrize("name", ["a", "x" * 128, "DATA_EXPORT_v2", "admin.tools.list", "-"])
def test_names_that_every_client_takes(name: str) -> None:
    assert warned(lambda: make_server().tool(name)(lambda: "x")) == []


@pytest.mark.parametrize("kind", ["tool", "prompt"])
def test_a_name_is_text(kind: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        getattr(make_server(), kind)(5)
    assert str(caught.value) == f"The name of a {kind} is text, not 5"
