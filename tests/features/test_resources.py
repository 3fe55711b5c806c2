"""Resources and templates on the wire."""

import base64
import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, computed_field
from tests.support import Client, dumps, failure, make_server, sentinel, success

from lambent import (
    Annotations,
    Audio,
    BlobResourceContents,
    CacheHint,
    Context,
    DeclarationError,
    Icon,
    Image,
    ResourceNotFoundError,
    TextResourceContents,
    ToolError,
)

Serve = Callable[..., Client]
FRESH = '"ttlMs":0,"cacheScope":"private"'


def contents(uri: str, text: str, mime_type: str = "text/plain") -> str:
    return f'"contents":[{{"uri":{dumps(uri)},"text":{dumps(text)},"mimeType":"{mime_type}"}}],{FRESH}'


def not_found(uri: str) -> bytes:
    return failure(-32602, "Resource not found", {"uri": uri})


@dataclass
class Order:
    id: str


class Model(BaseModel):
    order_id: str = Field(serialization_alias="orderId")
    secret: str = Field("x", exclude=True)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> str:
        return self.order_id * 2


def test_definitions_byte_for_byte(serve: Serve) -> None:
    mcp = make_server()

    @mcp.resource(
        "note://today",
        name="today",
        title="Today",
        description="What to do.",
        mime_type="text/markdown",
        size=12,
        icons=[Icon(src="https://a/i.png")],
        annotations=Annotations(audience=["user"], priority=1.0, last_modified="2026-07-28T00:00:00Z"),
        meta={"com.example/k": 1},
    )
    def anything() -> str:
        """Not this."""
        return ""

    @mcp.resource(
        "note://{day}", mime_type="text/plain", meta={"k": 2}, annotations=Annotations(priority=0.0)
    )
    def note(day: str) -> str:
        """One day's note."""
        return day

    client = serve(mcp)
    listed = '"ttlMs":60000,"cacheScope":"public"'
    assert client.request("resources/list").body == success(
        '"resources":[{"uri":"note://today","name":"today","title":"Today","description":"What to do.",'
        '"mimeType":"text/markdown","size":12,"annotations":{"audience":["user"],"priority":1.0,'
        '"lastModified":"2026-07-28T00:00:00Z"},"icons":[{"src":"https://a/i.png"}],'
        f'"_meta":{{"com.example/k":1}}}}],{listed}'
    )
    assert client.request("resources/templates/list").body == success(
        '"resourceTemplates":[{"uriTemplate":"note://{day}","name":"note","description":"One day\'s note.",'
        f'"mimeType":"text/plain","annotations":{{"priority":0.0}},"_meta":{{"k":2}}}}],{listed}'
    )


READ: list[tuple[Any, str | None, str]] = [
    ("text", None, '{"uri":"a://b","text":"text","mimeType":"text/plain"}'),
    ("# text", "text/markdown", '{"uri":"a://b","text":"# text","mimeType":"text/markdown"}'),
    ("", None, '{"uri":"a://b","text":"","mimeType":"text/plain"}'),
    (b"\x00\xff", None, '{"uri":"a://b","blob":"AP8=","mimeType":"text/plain"}'),
    (b"x", "image/png", '{"uri":"a://b","blob":"eA==","mimeType":"image/png"}'),
    (bytearray(b"x"), None, '{"uri":"a://b","blob":"eA==","mimeType":"text/plain"}'),
    (memoryview(b"x"), None, '{"uri":"a://b","blob":"eA==","mimeType":"text/plain"}'),
    ({"a": [1]}, None, '{"uri":"a://b","text":"{\\n  \\"a\\": [\\n    1\\n  ]\\n}","mimeType":"text/plain"}'),
    ([1, 2], "text/x", '{"uri":"a://b","text":"[\\n  1,\\n  2\\n]","mimeType":"text/x"}'),
    ([], None, '{"uri":"a://b","text":"[]","mimeType":"text/plain"}'),
    (None, None, '{"uri":"a://b","text":"null","mimeType":"text/plain"}'),
    (Order("a"), None, '{"uri":"a://b","text":"{\\n  \\"id\\": \\"a\\"\\n}","mimeType":"text/plain"}'),
    (TextResourceContents(uri="c://d", text="x"), "text/x", '{"uri":"c://d","text":"x"}'),
    (
        [
            TextResourceContents(uri="c://1", text="x", mime_type="text/x", meta={"k": 1}),
            BlobResourceContents(uri="c://2", blob="eA=="),
        ],
        None,
        '{"uri":"c://1","text":"x","mimeType":"text/x","_meta":{"k":1}},{"uri":"c://2","blob":"eA=="}',
    ),
]


@pytest.mark.parametrize(("value", "mime_type", "expected"), READ)
def test_contents_byte_for_byte(serve: Serve, value: Any, mime_type: str | None, expected: str) -> None:
    mcp = make_server()
    mcp.resource("a://b", name="r", mime_type=mime_type)(lambda: value)
    assert serve(mcp).read("a://b").body == success(f'"contents":[{expected}],{FRESH}')


def test_bytes_survive(serve: Serve) -> None:
    mcp = make_server()
    data = bytes(range(256)) * 100
    mcp.resource("a://b", name="r")(lambda: data)
    assert base64.b64decode(serve(mcp).read("a://b").result["contents"][0]["blob"]) == data


@pytest.fixture
def client(serve: Serve) -> Client:
    mcp = make_server()

    @mcp.resource("orders://list")
    def fixed() -> str:
        return "fixed"

    @mcp.resource("orders://{number}")
    def by_number(number: int) -> str:
        return f"number {number}"

    @mcp.resource("orders://{name}")
    def by_name(name: str) -> str:
        return f"name {name}"

    @mcp.resource("orders://{name}/lines{?page,sort*}")
    def lines(name: str, ctx: Context, page: int = 1, sort: list[str] | None = None) -> str:
        return f"{name} {page} {sort} {ctx.request_id}"

    @mcp.resource("files://{+path}")
    def file(path: str) -> str:
        return path

    @mcp.resource("tree://base{/parts*}")
    async def tree(parts: list[str]) -> str:
        return "|".join(parts)

    return serve(mcp)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("orders://list", "fixed"),
        ("orders://17", "number 17"),
        ("orders://x", "name x"),
        ("orders://1.5", "name 1.5"),
        ("orders://gr%C3%B6%C3%9Fe", "name größe"),
        ("orders://größe", "name größe"),
        ("orders://a%20b", "name a b"),
        ("orders://a/lines", "a 1 None 1"),
        ("orders://a/lines?page=2", "a 2 None 1"),
        ("orders://a/lines?sort=x&page=2&sort=y&other=z", "a 2 ['x', 'y'] 1"),
        ("files://a/b/c.txt", "a/b/c.txt"),
        ("files://a%2Fb", "a/b"),
        ("tree://base/a/b", "a|b"),
    ],
)
def test_uris_find_their_resource(client: Client, uri: str, text: str) -> None:
    reply = client.read(uri)
    assert reply.body == success(contents(uri, text))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "x",
        "orders://",
        "orders://a/b",
        "orders://a/lines?page=x",
        "files:///etc/passwd",
        "files://../secret",
        "files://a/../../secret",
        "files://%2e%2e/secret",
        "files://a%2f..%2fsecret",
        "files://..%5Csecret",
        "files://C:%5Csecret",
        "files://a%00.txt",
        "tree://base/a/../b",
        "tree://base/%2e%2e",
        "orders://%ff",
        "https://example.com/",
        "orders://" + "x" * 9_000,
        "größe://x",
        "orders://list#fragment",
    ],
)
def test_uris_that_find_nothing_are_not_found(client: Client, uri: str) -> None:
    reply = client.read(uri)
    assert reply.status == 400
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == not_found(uri)


def test_a_uri_outside_of_ascii_travels_as_base64(client: Client) -> None:
    assert client.read("orders://größe", headers={"mcp-name": sentinel("orders://größe")}).status == 200
    assert (
        client.read("orders://größe", headers={"mcp-name": "orders://gr%C3%B6%C3%9Fe"}).error["code"]
        == -32020
    )


def test_an_author_may_not_find_it_either(serve: Serve) -> None:
    mcp = make_server()

    @mcp.resource("a://{id}")
    def read(id: str) -> str:
        raise ResourceNotFoundError(f"a://{id}")

    reply = serve(mcp).read("a://b")
    assert reply.status == 400
    assert reply.body == not_found("a://b")


def test_a_failure_says_nothing_but_its_reference(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()

    @mcp.resource("a://b")
    def read() -> str:
        raise RuntimeError("secret detail")

    reply = serve(mcp).read("a://b")
    assert reply.error["code"] == -32603
    reference = reply.error["message"].removeprefix("Internal error (reference ").removesuffix(")")
    assert reply.body == failure(-32603, f"Internal error (reference {reference})")
    assert reference in caplog.text
    assert "secret detail" in caplog.text


def test_a_failure_that_was_anticipated_is_told(serve: Serve) -> None:
    mcp = make_server()

    @mcp.resource("a://b")
    def read() -> str:
        raise ToolError("The archive is closed")

    assert serve(mcp).read("a://b").body == failure(-32603, "The archive is closed")


def test_what_has_no_json_form_is_a_failure(serve: Serve) -> None:
    mcp = make_server()
    mcp.resource("a://b", name="r")(object)
    assert serve(mcp).read("a://b").error["code"] == -32603


# Caching


def test_a_resource_may_say_how_long_it_keeps(serve: Serve) -> None:
    mcp = make_server(cache_hints={"resources/read": CacheHint(ttl_ms=1)})
    mcp.resource("a://own", name="own", cache=CacheHint(ttl_ms=5, scope="public"))(lambda: "x")
    mcp.resource("a://default", name="default")(lambda: "x")
    client = serve(mcp)
    own, default = client.read("a://own").result, client.read("a://default").result
    assert (own["ttlMs"], own["cacheScope"]) == (5, "public")
    assert (default["ttlMs"], default["cacheScope"]) == (1, "private")


@pytest.mark.parametrize("retry", [{"inputResponses": {}}, {"inputResponses": {"x": {"action": "accept"}}}])
def test_what_answers_a_retry_must_not_be_kept(serve: Serve, retry: dict[str, Any]) -> None:
    """Answers are no part of the cache key ("Cache Key")."""
    mcp = make_server()
    mcp.resource("a://b", name="r", cache=CacheHint(ttl_ms=5_000, scope="public"))(lambda: "x")
    result = serve(mcp).request("resources/read", {"uri": "a://b", **retry}).result
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


# Declarations that cannot work


def test_a_uri_can_be_taken_once() -> None:
    mcp = make_server()
    mcp.resource("a://b", name="r")(lambda: "x")
    with pytest.raises(DeclarationError, match="There is a resource 'a://b' already"):
        mcp.resource("a://b", name="s")(lambda: "y")


@pytest.mark.parametrize(
    ("uri", "function", "reason"),
    [
        ("a://{x}", lambda: "", "no parameter for the variable x"),
        ("a://{x}", lambda x, y: "", "no variable for the parameter y"),
        ("a://b", lambda x: "", "no variable for the parameter x"),
        ("b", lambda: "", "a resource's URI starts with a scheme"),
        ("{x}", lambda x: "", "a resource's URI starts with a scheme"),
        ("a://{x", lambda x: "", "unbalanced braces"),
    ],
)
def test_uris_and_parameters_must_fit(uri: str, function: Callable[..., Any], reason: str) -> None:
    with pytest.raises(DeclarationError, match=reason):
        make_server().resource(uri)(function)


def test_more_parameters_may_have_defaults(serve: Serve) -> None:
    mcp = make_server()

    @mcp.resource("a://{x}")
    def read(x: str, y: int = 5) -> str:
        return f"{x}{y}"

    @mcp.resource("a://fixed")
    def fixed(y: int = 6) -> str:
        return str(y)

    client = serve(mcp)
    assert client.read("a://b").result["contents"][0]["text"] == "b5"
    assert client.read("a://fixed").result["contents"][0]["text"] == "6"


@pytest.mark.parametrize("declared", ["orders://größe", "orders://gr%C3%B6%C3%9Fe"])
@pytest.mark.parametrize("requested", ["orders://größe", "orders://gr%C3%B6%C3%9Fe"])
def test_a_uri_may_be_declared_and_requested_in_either_spelling(
    serve: Serve, declared: str, requested: str
) -> None:
    mcp = make_server()
    mcp.resource(declared, name="sizes")(lambda: "all sizes")
    assert serve(mcp).read(requested).body == success(contents(requested, "all sizes"))


def test_two_spellings_of_a_uri_are_one_resource() -> None:
    mcp = make_server()
    mcp.resource("orders://größe", name="sizes")(lambda: "")
    with pytest.raises(DeclarationError, match="already"):
        mcp.resource("orders://gr%C3%B6%C3%9Fe", name="again")(lambda: "")


# Variables and results of every type


def test_a_variable_may_be_a_field_with_another_name(serve: Serve) -> None:
    mcp = make_server()

    @mcp.resource("a://{Id}{?Page}")
    def read(
        id: Annotated[int, Field(alias="Id")], page: Annotated[int, Field(alias="Page")] = 1
    ) -> list[int]:
        return [id, page]

    client = serve(mcp)
    assert client.request("resources/templates/list").status == 200
    assert client.read("a://5").body == success(contents("a://5", "[\n  5,\n  1\n]"))
    assert client.read("a://5?Page=2").body == success(contents("a://5?Page=2", "[\n  5,\n  2\n]"))


TEXT = "{x} gives text; write str, a number, or {x*} for a list"
LIST = "{x*} gives a list of text; write a list, {x}, or {+x} for text with slashes"


@pytest.mark.parametrize(
    ("uri", "hint", "reason"),
    [
        ("a://{x}", Order, f"a://{{x}}: 'x' can never be Order: {TEXT}"),
        ("a://{x}", dict[str, int], f"a://{{x}}: 'x' can never be dict[str, int]: {TEXT}"),
        ("a://{x}", Annotated[Order, "What"], f"a://{{x}}: 'x' can never be Order: {TEXT}"),
        ("a://{x}", Model, f"a://{{x}}: 'x' can never be Model: {TEXT}"),
        (
            "a://b{?x}",
            Model | dict[str, int],
            f"a://b{{?x}}: 'x' can never be Model | dict[str, int]: {TEXT}",
        ),
        ("a://b{?x}", list[int], f"a://b{{?x}}: 'x' can never be list[int]: {TEXT}"),
        ("a://b{/x*}", int, f"a://b{{/x*}}: 'x' can never be int: {LIST}"),
        ("a://b{?x*}", str, f"a://b{{?x*}}: 'x' can never be str: {LIST}"),
        ("a://b{/x*}", Order | int, f"a://b{{/x*}}: 'x' can never be Order | int: {LIST}"),
    ],
)
def test_variables_that_can_never_fit_are_refused(uri: str, hint: Any, reason: str) -> None:
    def read(x: Any) -> str:
        return ""

    read.__annotations__["x"] = hint
    with pytest.raises(DeclarationError) as caught:
        make_server().resource(uri)(read)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("uri", "requested", "hint", "value"),
    [
        ("a://{x}", "a://5", Order | int, 5),
        ("a://{x}", "a://5", Any, "5"),
        ("a://{x}", "a://null", int | None, None),
        ("a://{x}", "a://5", Annotated[Decimal, "How many"], Decimal(5)),
        ("a://b{/x*}", "a://b/5", list[int], [5]),
        ("a://b{/x*}", "a://b/5/a", tuple[int, str], (5, "a")),
        ("a://b{?x*}", "a://b?x=5&x=6", set[int] | None, {5, 6}),
    ],
)
def test_variables_that_may_fit_are_taken(
    serve: Serve, uri: str, requested: str, hint: Any, value: Any
) -> None:
    mcp, seen = make_server(), []

    def read(x: Any) -> str:
        seen.append(x)
        return ""

    read.__annotations__["x"] = hint
    mcp.resource(uri)(read)
    assert serve(mcp).read(requested).body == success(contents(requested, ""))
    assert seen == [value]
    assert type(seen[0]) is type(value)


PICTURE = '{"uri":"a://b","blob":"eA==","mimeType":"image/png"}'
TYPED: list[tuple[Any, Any, str | None, str]] = [
    (Model, Model(order_id="a"), None, '{\n  "orderId": "a",\n  "twice": "aa"\n}'),
    (list[Model], [Model(order_id="a")], None, '[\n  {\n    "orderId": "a",\n    "twice": "aa"\n  }\n]'),
    (Model | None, None, None, "null"),
    (Order, Order("a"), None, '{\n  "id": "a"\n}'),
    (Order, Order("a"), "text/x", '{\n  "id": "a"\n}'),
    (Order, {"id": "a"}, None, '{\n  "id": "a"\n}'),
    (dict[str, Order], {"x": Order("a")}, None, '{\n  "x": {\n    "id": "a"\n  }\n}'),
    (dt.date, dt.date(2026, 7, 28), None, '"2026-07-28"'),
    (int, 5, None, "5"),
    (Any, Model(order_id="a"), None, '{\n  "orderId": "a",\n  "twice": "aa"\n}'),
]


@pytest.mark.parametrize(("hint", "value", "mime_type", "text"), TYPED)
def test_typed_results_are_written_as_their_type_says(
    serve: Serve, hint: Any, value: Any, mime_type: str | None, text: str
) -> None:
    mcp = make_server()

    def read() -> Any:
        return value

    read.__annotations__["return"] = hint
    mcp.resource("a://b", mime_type=mime_type)(read)
    assert serve(mcp).read("a://b").body == success(contents("a://b", text, mime_type or "text/plain"))


@pytest.mark.parametrize(
    ("hint", "value", "mime_type", "expected"),
    [
        (Image, Image(data=b"x"), None, PICTURE),
        (Image | None, Image(data=b"x"), None, PICTURE),
        (Image, Image(data=b"x"), "image/webp", PICTURE.replace("png", "webp")),
        (Any, Audio(data=b"x"), None, PICTURE.replace("image/png", "audio/wav")),
        (bytes | str, b"x", None, PICTURE.replace("image/png", "text/plain")),
    ],
)
def test_media_are_blobs(serve: Serve, hint: Any, value: Any, mime_type: str | None, expected: str) -> None:
    mcp = make_server()

    def read() -> Any:
        return value

    read.__annotations__["return"] = hint
    mcp.resource("a://b", mime_type=mime_type)(read)
    assert serve(mcp).read("a://b").body == success(f'"contents":[{expected}],{FRESH}')


@pytest.mark.parametrize(
    ("hint", "value"), [(Order, {"id": 5}), (Order, Model(order_id="a")), (Model, {}), (float, math.nan)]
)
def test_results_that_do_not_fit_their_type_are_failures(serve: Serve, hint: Any, value: Any) -> None:
    mcp = make_server()

    def read() -> Any:
        return value

    read.__annotations__["return"] = hint
    mcp.resource("a://b")(read)
    assert serve(mcp).read("a://b").error["code"] == -32603


@pytest.mark.parametrize("value", ["\ud800", {"a": "\ud800"}, {"\ud800": 1}, Order("\ud800")])
def test_lone_surrogates_are_failures(serve: Serve, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()
    mcp.resource("a://b", name="r")(lambda: value)
    reply = serve(mcp).read("a://b")
    assert reply.error["code"] == -32603
    assert "surrogates not allowed" in caplog.text


def test_media_in_a_list_are_contents_of_their_own(serve: Serve) -> None:
    mcp = make_server()
    mcp.resource("a://b", name="r")(lambda: [Image(data=b"x"), "text"])
    assert serve(mcp).read("a://b").result["contents"] == [
        {"uri": "a://b", "blob": "eA==", "mimeType": "image/png"},
        {"uri": "a://b", "text": "text", "mimeType": "text/plain"},
    ]


def test_a_resource_needs_its_uri() -> None:
    with pytest.raises(DeclarationError, match="with the URI of the resource"):
        make_server().resource(lambda: "x")  # type: ignore[arg-type]


def test_a_length_in_a_template_is_no_port() -> None:
    make_server().resource("x://{b:3}")(lambda b: b)
