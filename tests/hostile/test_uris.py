"""URIs, cursors and references: no path leaves its folder, and no URI is expensive to match."""

import re
from typing import Any

import pytest
from fuzz.target import CPU_SECONDS
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.hostile.client import CheckedClient, hostile
from tests.hostile.measurement import cpu_limit
from tests.hostile.strategies import JSON, TEXT

from lambent.errors import DeclarationError
from lambent.features.uri_templates import MAX_URI_LENGTH, UriTemplate

SCHEMES = [
    "static://",
    "orders://",
    "files://host/",
    "tags://host/",
    "dates://",
    "pairs://",
    "wide://",
    "math://",
    "vault://",
    "x:",
]
PIECES = st.lists(
    st.sampled_from(
        [
            *[
                "a",
                "-",
                ".",
                "/",
                "..",
                "%2e",
                "%2E%2e",
                "%2f",
                "%5c",
                "%00",
                "%ff",
                "%",
                "%zz",
                "?",
                "&",
                "=",
                "#",
                ",",
                ";",
                "c=",
                "page=1",
                "tag=",
                "C:",
                "~",
                "%C3%A9",
                "{",
                "}",
                "+",
                "*",
                "9",
            ],
            *("\\", "\u00e9", " ", "\x00"),
        ]
    ),
    max_size=12,
)


@hostile
@given(st.sampled_from(SCHEMES), PIECES.map("".join) | TEXT)
def test_any_uri(client: CheckedClient, scheme: str, rest: str) -> None:
    answer = client.request("resources/read", {"uri": scheme + rest})
    assert answer.outcome in ("complete", "input_required", "-32602", "-32603")
    if answer.outcome == "-32602":
        assert answer.error["data"] == {"uri": scheme + rest}


@hostile
@given(PIECES.map("".join) | TEXT)
@example("../x")
@example("%2e%2e/x")
@example("a/%2E./x")
@example("..%5cx")
@example("/etc/passwd")
@example("C:/x")
@example("%00")
def test_no_path_leaves_its_folder(client: CheckedClient, path: str) -> None:
    answer = client.request("resources/read", {"uri": f"files://host/{path}"})
    if answer.result is not None:
        read = answer.result["contents"][0]["text"]
        assert ".." not in re.split(r"[/\\]", read)
        assert not read.startswith(("/", "\\"))
        assert not re.match(r"[A-Za-z]:([/\\]|$)", read)
        assert all(character >= " " and character != "\x7f" for character in read)


NAMES = st.sampled_from("abcdef")
EXPRESSIONS = st.builds(
    lambda sign, names, modifier: "{" + sign + ",".join(name + modifier for name in names) + "}",
    st.sampled_from(["", "+", "#", ".", "/", ";", "?", "&"]),
    st.lists(NAMES, min_size=1, max_size=3, unique=True),
    st.sampled_from(["", "", "*", ":3"]),
)
LITERALS = st.sampled_from(["-", "/", ".", "x", ",", ";a=", "--", "a-", "/x/"])
TEMPLATES = st.lists(EXPRESSIONS | LITERALS, max_size=7).map(lambda parts: "t://" + "".join(parts))
REPEATED = st.sampled_from(
    ["-", "/", ".", "a", ",", "a-", "-a", "/a", ",a", ";a=", "a/", ";a", "=", "&a=", "a.", "%41", "x", "--"]
)


@hostile
@given(TEMPLATES, REPEATED, st.sampled_from(["", "/", "?", "#", "\x00", "-", "!"]))
def test_no_template_makes_any_uri_expensive(template: str, repeated: str, end: str) -> None:
    """The longest URI that is matched, made of parts that a template may match in several ways."""
    try:
        compiled = UriTemplate(template)
    except DeclarationError:
        assume(False)
    literal = template.partition("{")[0]
    uri = (literal + repeated * MAX_URI_LENGTH)[: MAX_URI_LENGTH - len(end)] + end
    with cpu_limit(CPU_SECONDS):
        compiled.match(uri)


@hostile
@given(TEMPLATES, PIECES.map("".join))
def test_values_of_any_template_are_safe(template: str, rest: str) -> None:
    try:
        compiled = UriTemplate(template)
    except DeclarationError:
        assume(False)
    found = compiled.match(template.partition("{")[0] + rest)
    for value in (found or {}).values():
        for part in value if isinstance(value, list) else [value]:
            assert ".." not in re.split(r"[/\\]", part)
            assert not part.startswith(("/", "\\"))


@hostile
@given(st.text(max_size=30) | PIECES.map("".join))
def test_any_text_as_a_template(text: str) -> None:
    """A template or a mistake in a declaration, never another exception."""
    try:
        UriTemplate(text).match(text)
    except DeclarationError:
        return


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("end", ["", "/", "?", "\x00", ".txt", "!"])
def test_long_uris(client: CheckedClient, scheme: str, end: str) -> None:
    """Within the length that is matched, and beyond it; the target interrupts what takes too long."""
    for repeated in ["-", "/", ",", ".", "a-", "/a", ",a", "%2e", ";c=", "9", "a/", "?", "&tag=", "--"]:
        for size in (MAX_URI_LENGTH, 20_000):
            uri = (scheme + repeated * (size // len(repeated)))[: size - len(end)] + end
            client.request("resources/read", {"uri": uri})


COMPLETED = st.sampled_from(
    ["greet", "count", "orders://{order_id}", "static://readme", "nobody", "name", "style", "order_id"]
)
CONTEXTS = st.sampled_from(
    [None, {}, [], {"arguments": {}}, {"arguments": {"a": "b"}}, {"arguments": {"a": 1}}]
)


@hostile
@given(TEXT, st.sampled_from(["prompt", "resource", "x"]), COMPLETED | TEXT, COMPLETED | TEXT, CONTEXTS)
def test_completion_of_anything(
    client: CheckedClient, text: str, kind: str, what: str, name: str, context: Any
) -> None:
    params = {
        "ref": {"type": f"ref/{kind}", "name": what, "uri": what},
        "argument": {"name": name, "value": text},
        "context": context,
    }
    answer = client.request("completion/complete", params)
    if answer.result is not None:
        assert len(answer.result["completion"]["values"]) <= 100


LISTS = ["tools/list", "resources/list", "resources/templates/list", "prompts/list"]


@hostile
@given(st.sampled_from(LISTS), TEXT | JSON)
def test_any_cursor(client: CheckedClient, method: str, cursor: Any) -> None:
    answer = client.request(method, {"cursor": cursor})
    assert answer.outcome in (("complete",) if cursor is None else ("-32602", "-32700"))


@pytest.mark.parametrize("method", LISTS)
def test_cursors_end_and_belong_to_their_list(client: CheckedClient, method: str) -> None:
    cursors: list[str] = []
    answer = client.request(method, {})
    while answer.result is not None and (cursor := answer.result.get("nextCursor")) is not None:
        assert cursor not in cursors
        cursors.append(cursor)
        for other in LISTS:
            found = client.request(other, {"cursor": cursor})
            assert found.outcome == ("complete" if other == method else "-32602")
        answer = client.request(method, {"cursor": cursor})
    assert cursors or method in ("resources/list", "prompts/list")


@pytest.mark.parametrize(
    "cursor", ["{}=", "{}==", " {}", "{}\n", "{}A", "\u00e9{}", "{}{}", "A{}", "{}-", "{}\x00"]
)
def test_cursors_that_are_nearly_right(client: CheckedClient, cursor: str) -> None:
    """A cursor only names a position, so another spelling of it may be accepted."""
    answer = client.request("tools/list", {})
    assert answer.result is not None
    good = answer.result["nextCursor"]
    client.request("tools/list", {"cursor": cursor.format(good, good)})
