"""What signatures and docstrings say, and which ones cannot work."""

import functools
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Optional

import msgspec
import pytest
from pydantic import AfterValidator, AliasChoices, AliasPath, Field
from pydantic.fields import FieldInfo
from tests.support import Client, make_server

from lambent import Context, DeclarationError
from lambent.execution.context import INJECTED
from lambent.features.codecs import ValidationError
from lambent.features.signature import Signature, read_signature


def read(function: Callable[..., Any]) -> Signature:
    return read_signature(function, INJECTED)


def plain(a: int, b: str = "x", *, c: float) -> bool:
    """Do it.

    In two paragraphs.
    """
    return bool(a and b and c)


def test_a_plain_function() -> None:
    signature = read(plain)
    assert signature.name == "plain"
    assert signature.doc == "Do it.\n\nIn two paragraphs."
    assert [(item.name, item.hint, item.default) for item in signature.parameters] == [
        ("a", int, msgspec.NODEFAULT),
        ("b", str, "x"),
        ("c", float, msgspec.NODEFAULT),
    ]
    assert (signature.returns, signature.is_async, signature.context) == (bool, False, None)
    assert signature.arguments is not None


def test_what_is_not_annotated_takes_anything() -> None:
    signature = read(lambda a, b=1: a)
    assert signature.name == "<lambda>"
    assert [(item.hint, item.default) for item in signature.parameters] == [
        (Any, msgspec.NODEFAULT),
        (Any, 1),
    ]


async def coroutine() -> int:
    return 1


class Callables:
    """A class."""

    def method(self, a: int) -> int:
        """A method."""
        return a

    async def coroutine(self, a: int) -> int:
        return a

    @staticmethod
    def static(a: int) -> int:
        return a

    @classmethod
    def of_class(cls, a: int) -> int:
        return a

    def __call__(self, a: int) -> int:
        """Called."""
        return a


class AsyncCallable:
    async def __call__(self, a: int) -> int:
        return a


@pytest.mark.parametrize(
    ("function", "name", "is_async"),
    [
        (plain, "plain", False),
        (coroutine, "coroutine", True),
        (Callables().method, "method", False),
        (Callables().coroutine, "coroutine", True),
        (Callables.static, "static", False),
        (Callables.of_class, "of_class", False),
        (Callables(), "Callables", False),
        (AsyncCallable(), "AsyncCallable", True),
        (functools.partial(plain, 1), "plain", False),
        (functools.partial(coroutine), "coroutine", True),
    ],
)
def test_everything_that_can_be_called(function: Callable[..., Any], name: str, is_async: bool) -> None:
    signature = read(function)
    assert signature.is_async is is_async
    if not isinstance(function, functools.partial):
        assert signature.name == name
        assert "self" not in [item.name for item in signature.parameters]


def test_hints_of_methods_and_callable_objects_are_found() -> None:
    for function in (Callables().method, Callables(), Callables.of_class, Callables.static):
        signature = read(function)
        assert [(item.name, item.hint) for item in signature.parameters] == [("a", int)]
        assert signature.returns is int


def test_hints_of_partial_functions_are_found() -> None:
    signature = read(functools.partial(plain, 1))
    assert [(item.name, item.hint) for item in signature.parameters] == [("b", str), ("c", float)]


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def test_decorated_functions_show_what_they_wrap() -> None:
    signature = read(decorated(plain))
    assert (signature.name, signature.doc) == ("plain", "Do it.\n\nIn two paragraphs.")
    assert [item.name for item in signature.parameters] == ["a", "b", "c"]


@pytest.mark.parametrize("hint", [Context, Context | None, Optional[Context], Annotated[Context, "c"]])  # noqa: UP045
def test_a_parameter_takes_the_context_by_its_hint(hint: Any) -> None:
    def function(a: int, whatever: Any = None) -> None: ...

    function.__annotations__["whatever"] = hint
    signature = read(function)
    assert signature.context == "whatever"
    assert [item.name for item in signature.parameters] == ["a"]


def test_a_context_may_be_of_a_subclass() -> None:
    class MyContext(Context):
        pass

    def function(ctx: MyContext) -> None: ...

    assert read(function).context == "ctx"


def test_a_parameter_named_like_the_context_takes_an_argument() -> None:
    def function(ctx: str, context: int) -> None: ...

    assert read(function).context is None


def test_keyword_arguments_catch_all() -> None:
    def function(**arguments: Any) -> None: ...

    signature = read(function)
    assert signature.takes_others
    assert signature.parameters == []
    assert signature.arguments.decode(b'{"a":1}') == {"a": 1}


def positional_only(a: int, /) -> None: ...


def many(*args: int) -> None: ...


def unresolved(a: "NoSuchType") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def two_contexts(a: Context, b: Context) -> None: ...


def yields(a: int) -> Any:
    yield a


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (
            positional_only,
            "positional_only: parameter 'a' must be one that can be named in a call: leave out the /",
        ),
        (many, "many: parameter 'args' must be one that can be named in a call: write a list"),
        (
            unresolved,
            (
                "unresolved: a type hint cannot be resolved: name 'NoSuchType' is not defined; where "
                "annotations are text, their classes have to be at the level of the module"
            ),
        ),
        (two_contexts, "two_contexts: only one parameter can take the context"),
        (yields, "yields: it is a generator function: return a list instead of using yield"),
        (
            Callables.method,
            (
                "method: it is a method without its object: register the method of an object, as in "
                "mcp.tool()(thing.method)"
            ),
        ),
        (5, "int: write a function; this is 5"),
    ],
)
def test_signatures_that_cannot_work(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        read(function)
    assert str(caught.value) == reason


def test_a_field_without_a_default_is_required() -> None:
    def function(x: int = Field(ge=1, description="How many")) -> None: ...

    arguments = read(function).arguments
    assert arguments.schema() == {
        "type": "object",
        "properties": {"x": {"description": "How many", "minimum": 1, "type": "integer", "title": "X"}},
        "required": ["x"],
        "additionalProperties": False,
    }
    assert arguments.decode(b'{"x":1}') == {"x": 1}
    for sent in (b"{}", b'{"x":0}'):
        with pytest.raises(ValidationError, match=r"at `\$\.x`"):
            arguments.decode(sent)


def test_the_default_of_a_field_is_shown_and_fills_in() -> None:
    def function(x: int = Field(5, description="How many")) -> None: ...

    arguments = read(function).arguments
    assert arguments.schema() == {
        "type": "object",
        "properties": {"x": {"default": 5, "description": "How many", "type": "integer", "title": "X"}},
        "additionalProperties": False,
    }
    assert arguments.decode(b"{}") == {"x": 5}


def test_the_factory_of_a_field_is_called_for_each_call() -> None:
    counter = iter(range(9))

    def function(x: int = Field(default_factory=lambda: next(counter))) -> None: ...

    arguments = read(function).arguments
    assert arguments.schema()["properties"] == {"x": {"type": "integer", "title": "X"}}
    assert "required" not in arguments.schema()
    assert [arguments.decode(b"{}"), arguments.convert({}), arguments.decode(b'{"x":7}')] == [
        {"x": 0},
        {"x": 1},
        {"x": 7},
    ]


def test_none_as_the_default_takes_null() -> None:
    def function(x: str = None, y: int = Field(None)) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    arguments = read(function).arguments
    assert arguments.schema()["properties"]["x"] == {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "default": None,
        "title": "X",
    }
    assert arguments.decode(b'{"x":null,"y":null}') == arguments.decode(b"{}") == {"x": None, "y": None}


def test_none_as_the_default_leaves_a_field_what_it_is() -> None:
    def function(x: Annotated[int, Field(alias="X", ge=1, description="How many")] = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    arguments = read(function).arguments
    number = {"type": "integer", "minimum": 1}
    shown = {"anyOf": [number, {"type": "null"}], "default": None, "description": "How many", "title": "X"}
    assert arguments.schema()["properties"] == {"X": shown}
    assert [arguments.decode(sent) for sent in (b"{}", b'{"X":null}', b'{"X":2}')] == [
        {"x": None},
        {"x": None},
        {"x": 2},
    ]
    with pytest.raises(ValidationError, match=r"at `\$\.X`"):
        arguments.decode(b'{"X":0}')


def test_an_alias_is_the_name_that_clients_use() -> None:
    def function(x: int = Field(alias="X"), y: Annotated[int, Field(alias="Y")] = 2) -> None: ...

    arguments = read(function).arguments
    schema = arguments.schema()
    assert (list(schema["properties"]), schema["required"]) == (["X", "Y"], ["X"])
    assert arguments.decode(b'{"X":1}') == {"x": 1, "y": 2}
    assert arguments.convert({"X": 1, "Y": "3"}) == {"x": 1, "y": 3}
    with pytest.raises(ValidationError, match=r"Unexpected keyword argument - at `\$\.x`"):
        arguments.decode(b'{"X":1,"x":1}')


def after_a_path(x: int = Field(validation_alias=AliasChoices(AliasPath("a", 0), "X"))) -> None: ...


def test_a_choice_of_aliases_takes_each_of_them() -> None:
    def function(x: Annotated[int, Field(validation_alias=AliasChoices("X", "ex"))]) -> None: ...

    arguments = read(function).arguments
    assert list(arguments.schema()["properties"]) == ["X"]
    assert arguments.decode(b'{"X":1}') == arguments.decode(b'{"ex":1}') == {"x": 1}
    with pytest.raises(ValidationError) as caught:
        arguments.decode(b'{"ex":"a","x":1}')
    assert "at `$.x`" in str(caught.value)
    assert "Unexpected keyword argument - at `$.ex`" not in str(caught.value)


def test_an_alias_that_is_a_path_is_refused() -> None:
    def function(x: int = Field(validation_alias=AliasPath("a", 0))) -> None: ...

    with pytest.raises(DeclarationError, match="x: an alias is one name or a choice of names"):
        read(function)


class Aliases:
    """Functions whose parameter ``x`` clients know as ``a``."""

    @staticmethod
    def last_of_several(x: Annotated[int, Field(ge=1), Field(alias="a")] = 5) -> str:
        return repr(x)

    @staticmethod
    def overridden(x: Annotated[int, Field(alias="b"), Field(alias="a")] = 5) -> str:
        return repr(x)

    @staticmethod
    def beside_a_default(x: Annotated[int, Field(alias="a", ge=1)] = Field(5, le=9)) -> str:
        return repr(x)

    @staticmethod
    def beside_none(x: Annotated[int, Field(alias="a")] = None) -> str:  # noqa: RUF013
        return repr(x)

    @staticmethod
    def choices(x: int = Field(5, validation_alias=AliasChoices("a", "A"))) -> str:
        return repr(x)


@pytest.mark.parametrize(
    "function",
    [
        Aliases.last_of_several,
        Aliases.overridden,
        Aliases.beside_a_default,
        Aliases.beside_none,
        Aliases.choices,
    ],
    ids=lambda function: function.__name__,
)
def test_clients_use_the_alias_of_a_parameter(function: Callable[..., Any]) -> None:
    mcp = make_server(strict_arguments=True)
    mcp.tool(name="t")(function)
    client = Client(mcp.lambda_handler())
    (name, schema), *others = client.tool("t")["inputSchema"]["properties"].items()
    default = None if function is Aliases.beside_none else 5
    assert (name, schema["default"], others) == ("a", default, [])
    assert client.call("t", {"a": "7"}).text == "7"
    assert client.call("t").text == repr(default)
    assert client.call("t", {"x": 7}).result["isError"] is True


def test_each_choice_of_an_alias_may_hold_a_list_as_text() -> None:
    mcp = make_server()

    def show(x: list[int] = Field(validation_alias=AliasChoices("a", "A"))) -> str:  # noqa: B008
        return repr(x)

    mcp.tool()(show)
    mcp.prompt()(show)
    client = Client(mcp.lambda_handler())
    for name in "aA":
        assert client.call("show", {name: "[1]"}).text == "[1]"
        assert client.prompt("show", {name: "[1]"}).result["messages"][0]["content"]["text"] == "[1]"


def test_two_choices_of_an_alias_at_once_are_told() -> None:
    mcp = make_server(strict_arguments=True)
    mcp.tool(name="t")(Aliases.choices)
    text = Client(mcp.lambda_handler()).call("t", {"a": 1, "A": 2}).text
    assert text == "Error executing tool t: Invalid arguments: Unexpected keyword argument - at `$.A`"


def test_a_default_that_its_validator_refuses_is_not_shown() -> None:
    mcp = make_server()

    @mcp.tool()
    def divide(x: Annotated[int, AfterValidator(lambda x: 1 // x)] = 0) -> str:
        return str(x)

    client = Client(mcp.lambda_handler())
    assert client.tool("divide")["inputSchema"]["properties"] == {"x": {"type": "integer", "title": "X"}}
    assert client.call("divide").text == "0"
    assert client.call("divide", {"x": 0}).result["isError"] is True


MARKER = object()


@pytest.mark.parametrize("hint", [int, Annotated[int, Field(ge=1)]])
def test_a_marker_comes_as_it_is(hint: Any) -> None:
    """Functions compare it by identity."""
    mcp = make_server()

    def ask(x: Any = MARKER, y: Any = (MARKER,)) -> str:
        return repr((x is MARKER, y[0] is MARKER))

    ask.__annotations__["x"] = hint
    mcp.tool()(ask)
    client = Client(mcp.lambda_handler())
    assert "default" not in client.tool("ask")["inputSchema"]["properties"]["x"]
    assert client.call("ask").text == "(True, True)"


def test_fields_may_have_defaults_that_calls_change() -> None:
    mcp = make_server()

    @mcp.tool()
    def add(
        x: list[int] = Field([1], max_length=3),  # noqa: B008
        y: Annotated[list[int], Field(default=[2])] = [3],  # noqa: B006
        z: Annotated[dict[str, int], Field(default={"a": 4})] = Field(description="A record"),  # noqa: B008
    ) -> str:
        x.append(5)
        y.append(5)
        z["b"] = 5
        return repr((x, y, z))

    client = Client(mcp.lambda_handler())
    for _ in range(2):
        assert client.call("add").text == "([1, 5], [3, 5], {'a': 4, 'b': 5})"
    assert client.tool("add")["inputSchema"]["properties"]["z"]["default"] == {"a": 4}


@pytest.mark.skipif(
    not hasattr(FieldInfo, "default_factory_takes_validated_data"), reason="pydantic 2.10 brought it"
)
def test_a_default_may_be_made_of_the_parameters_before_it() -> None:
    mcp = make_server()

    @mcp.tool()
    def add(x: int, y: int = Field(default_factory=lambda data: data["x"] + 1)) -> str:
        return repr((x, y))

    client = Client(mcp.lambda_handler())
    assert [client.call("add", given).text for given in ({"x": 1}, {"x": 1, "y": 7})] == ["(1, 2)", "(1, 7)"]


def test_a_class_takes_what_its_constructor_takes() -> None:
    @dataclass
    class Point:
        x: int

    assert read(Point).arguments.decode(b'{"x":"1"}') == {"x": 1}


def same_name(x: Annotated[int, Field(alias="y")], y: int = 1) -> None: ...


def path(x: int = Field(1, validation_alias=AliasPath("a", 0))) -> None: ...


def path_among_choices(x: int = Field(1, validation_alias=AliasChoices("b", AliasPath("a", 0)))) -> None: ...


def class_variable(x: ClassVar[int] = 1) -> None: ...


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (same_name, "same_name: clients know two parameters as y"),
        (path, "an alias is one name or a choice of names"),
        (path_among_choices, "an alias is one name or a choice of names"),
        (class_variable, "parameter 'x': Cannot describe ClassVar"),
        (max, "max: its parameters are not known"),
        (int, "int: its parameters are not known"),
    ],
)
def test_parameters_that_clients_cannot_send(function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        make_server().tool()(function)


def test_the_context_of_another_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forgotten import: it would be an argument that no client can send."""
    foreign = type("Context", (), {"__module__": "mcp.server.mcpserver.server"})

    def function(ctx: Any) -> None: ...

    function.__annotations__["ctx"] = foreign | None
    monkeypatch.setitem(sys.modules, "mcp", types.ModuleType("mcp"))
    with pytest.raises(DeclarationError, match="function: write 'ctx' with the Context of lambent"):
        make_server().tool()(function)
