"""URIs find their resource in every spelling in which clients send them back."""

from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.support import Client, make_server

from lambent import DeclarationError
from lambent.features.uri_templates import UriTemplate
from lambent.features.uris import authority_end, check_uri, normalize_template, normalize_uri

Serve = Callable[..., Client]


SAME: list[tuple[str, str]] = [
    ("note://today", "NOTE://today"),
    ("NOTE://Today", "note://today"),
    ("note://Today/A", "note://today/A"),
    ("note://user:Pw@Host/A", "note://user:Pw@host/A"),
    ("https://example.com", "https://example.com/"),
    ("https://example.com/", "HTTPS://EXAMPLE.com:443"),
    ("http://example.com:80/a", "http://example.com/a"),
    ("ws://a:80?x", "ws://a/?x"),
    ("wss://a", "wss://a:443/"),
    ("ftp://a:21/b", "ftp://a/b"),
    ("file:///a/b", "file://localhost/a/b"),
    ("file:///a/b", "file:/a/b"),
    ("file:///a/b", "FILE://LOCALHOST/a/b"),
    ("note://a b", "note://a%20b"),
    ("note://a/größe", "note://a/gr%C3%B6%C3%9Fe"),
    ("note://a/gr%c3%b6%c3%9fe", "note://a/größe"),
    ("note://a/%7Eb", "note://a/~b"),
    ("note://a/%41", "note://a/A"),
    ("note://a/%2f", "note://a/%2F"),
    ("note://a/100%", "note://a/100%25"),
    ("note://a/{b".replace("{", "%7B"), "note://a/%7bb"),
    ('note://a/"x"', "note://a/%22x%22"),
    ("note://a/<x>", "note://a/%3Cx%3E"),
    ("note://a/x|y`z", "note://a/x%7Cy%60z"),
    ("note://a/%ff", "note://a/%FF"),
    ("urn:isbn:1", "URN:isbn:1"),
    ("mail:Ada@x", "mail:Ada@x"),
]


DIFFERENT: list[tuple[str, str]] = [
    ("note://a/B", "note://a/b"),
    ("note://a", "note://a/"),
    ("note://a:80", "note://a"),
    ("http://a:443/", "http://a/"),
    ("note://User@a", "note://user@a"),
    ("note://a/%2F", "note://a//"),
    ("note://a/%25", "note://a/%2525"),
    ("note://a?x", "note://a#x"),
    ("urn:isbn:A", "urn:isbn:a"),
    ("file://host/a", "file:///a"),
    ("note:a", "note://a"),
    ("note://a/%ff", "note://a/%C3%BF"),
    ("note://a/%ff", "note://a/%fe"),
]


@pytest.mark.parametrize(("declared", "requested"), SAME)
def test_spellings_of_one_uri(serve: Serve, declared: str, requested: str) -> None:
    assert normalize_uri(declared) == normalize_uri(requested)
    mcp = make_server()
    mcp.resource(declared, name="r")(lambda: "found")
    reply = serve(mcp).read(requested)
    assert reply.result["contents"][0]["text"] == "found"
    assert reply.result["contents"][0]["uri"] == requested


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_uris_that_are_not_the_same(one: str, other: str) -> None:
    assert normalize_uri(one) != normalize_uri(other)


NO_SCHEME = "a resource's URI starts with a scheme, of letters, digits, '+', '-' and '.', as in notes://x"


NO_SPACE = "a URI holds no control characters and no space around it"


NO_DOTS = "clients leave out the path segments . and ..: write the path without them"


NO_HOST = "such a URI names a host after //"


NO_BACKSLASH = "clients turn the backslash into /: write /, or %5C"


REFUSED: list[tuple[str, str]] = [
    ("", f": {NO_SCHEME}"),
    ("notes", f"notes: {NO_SCHEME}"),
    ("//a/b", f"//a/b: {NO_SCHEME}"),
    ("/a:b", f"/a:b: {NO_SCHEME}"),
    ("1a://b", f"1a://b: {NO_SCHEME}"),
    ("a_b://c", f"a_b://c: {NO_SCHEME}"),
    ("größe://a", f"größe://a: {NO_SCHEME}"),
    ("{x}://a", f"{{x}}://a: {NO_SCHEME}"),
    (" a://b", f" a://b: {NO_SCHEME}"),
    ("a://b ", f"'a://b ': {NO_SPACE}"),
    ("a://b\n", f"'a://b\\n': {NO_SPACE}"),
    ("a://b\tc", f"'a://b\\tc': {NO_SPACE}"),
    ("a://b\x00", f"'a://b\\x00': {NO_SPACE}"),
    ("a://b\x7fc", f"'a://b\\x7fc': {NO_SPACE}"),
    ("a://b/../c", f"a://b/../c: {NO_DOTS}"),
    ("a://b/./c", f"a://b/./c: {NO_DOTS}"),
    ("a://b/..", f"a://b/..: {NO_DOTS}"),
    ("a://b/.?c", f"a://b/.?c: {NO_DOTS}"),
    ("a://b/%2E%2e/c", f"a://b/%2E%2e/c: {NO_DOTS}"),
    ("a://b/.%2E#c", f"a://b/.%2E#c: {NO_DOTS}"),
    ("http:///a", f"http:///a: {NO_HOST}"),
    ("HTTPS:a/b", f"HTTPS:a/b: {NO_HOST}"),
    ("wss:/a", f"wss:/a: {NO_HOST}"),
    ("http://?a", f"http://?a: {NO_HOST}"),
    ("https://a/b\\c", f"https://a/b\\c: {NO_BACKSLASH}"),
    ("file:///b\\c", f"file:///b\\c: {NO_BACKSLASH}"),
    (
        "a://b:x/c",
        "a://b:x/c: what follows the colon after a host is a port: 'x' is no number below 65536",
    ),
    (
        "a://b:c",
        "a://b:c: what follows the colon after a host is a port: 'c' is no number below 65536",
    ),
    (
        "a://u:p@b:c",
        "a://u:p@b:c: what follows the colon after a host is a port: 'c' is no number below 65536",
    ),
    (
        "a://[::1]:c",
        "a://[::1]:c: what follows the colon after a host is a port: 'c' is no number below 65536",
    ),
    (
        "a://b:\u0663",
        "a://b:\u0663: what follows the colon after a host is a port: '\u0663' is no number below 65536",
    ),
]


@pytest.mark.parametrize(("uri", "reason"), REFUSED)
def test_uris_that_clients_cannot_send_back_are_refused(uri: str, reason: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        make_server().resource(uri, name="r")(lambda: "")
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    "uri",
    [
        "a://b:8080/c",
        "a://[::1]/x",
        "a://[::1]:80",
        "a://u:p@b",
        "a:b:c",
        "a:b\\c",
        "http://{host}/",
        "a://b/...",
        "a://b/.c",
        "a://b/c..d/",
        "a+b-c.1://x",
        "a:/b:c",
        "a://{host}:{port}/c",
        "a://b/{x}",
    ],
)
def test_other_uris_are_taken(uri: str) -> None:
    check_uri(uri)


@pytest.mark.parametrize(
    ("template", "uri", "value"),
    [
        ("note://{day}", "NOTE://Today", "Today"),
        ("NOTE://{day}", "note://Today", "Today"),
        ("note://Host/{day}", "note://host/Today", "Today"),
        ("note://Host/A/{day}", "note://HOST/A/Today", "Today"),
        ("note://größe/{day}", "note://gr%C3%B6%C3%9Fe/x", "x"),
        ("note://a/gr%C3%B6%C3%9Fe/{day}", "note://a/größe/x", "x"),
        ("note://a b/{day}", "note://a%20b/x", "x"),
        ("note://a/{day}", "note://a/gr%c3%b6%c3%9fe", "größe"),
        ("note://a/{day}", "note://a/a%2Fb", "a/b"),
        ("note://a/{day}", "note://a/100%25", "100%"),
        ("note://a/{day}", "note://a/100%", "100%"),
        ("file:///{+day}", "file://localhost/a/b", "a/b"),
        ("file://{+day}", "file:///a/b", None),
        ("file://host/{+day}", "FILE://HOST/a/b", "a/b"),
        ("https://a/{day}", "https://A:443/x", "x"),
        ("https://a{/day}", "https://a/x", "x"),
        ("https://a{/day}{?page}", "https://a/x", "x"),
        ("https://{+day}", "https://a/b/c", "a/b/c"),
        ("https://{day}", "https://a/", "a"),
        ("https://{day}", "https://a", "a"),
        ("https://a{?day}", "https://a/?day=x", "x"),
    ],
)
def test_templates_match_every_spelling(template: str, uri: str, value: str | None) -> None:
    assert UriTemplate(template).match(uri) == (None if value is None else {"day": value})


@pytest.mark.parametrize(
    ("template", "uri"), [("note://a/B/{x}", "note://a/b/x"), ("note://a/{x}B", "note://a/xb")]
)
def test_the_path_of_a_template_keeps_its_case(template: str, uri: str) -> None:
    assert UriTemplate(template).match(uri) is None


def test_a_template_keeps_its_expressions() -> None:
    template = "NOTE://ho%20st/{+a,B:3}/%7e{?c*}"
    assert normalize_template(template) == "note://ho%20st/{+a,B:3}/~{?c*}"


@pytest.mark.parametrize(
    ("uri", "end"),
    [
        ("note://Host/A", "note://Host"),
        ("note://Host{?x}", "note://Host"),
        ("note://{x}", "note://{x}"),
        ("note:a", "note:"),
        ("note:///a", "note://"),
        ("https://a#x", "https://a"),
    ],
)
def test_where_the_authority_ends(uri: str, end: str) -> None:
    assert uri[: authority_end(uri)] == end


SCHEMES = st.sampled_from(
    ["note", "NOTE", "a+b", "http", "HTTPS", "ws", "wss", "ftp", "file", "urn", "x-y.z"]
)


HOSTS = st.sampled_from(["", "a", "Host", "a.b", "user@h", "u:p@H", "h:8080", "h:80", "h:443", "localhost"])


PATHS = st.text(
    st.sampled_from(list("\\aZ09-._~!$&'()*+,;=:@/% \"<>^`|?#ä€\U0001f600")) | st.characters(codec="utf-8"),
    max_size=12,
)


def as_browsers_write(uri: str) -> str:
    """A URI as parsers after the WHATWG's standard write it, as far as ours has to know."""
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    encoded = "".join(
        character
        if "!" <= character <= "~" and character not in '"<>`^|'
        else "".join(f"%{octet:02X}" for octet in character.encode())
        for character in rest
    )
    if not encoded.startswith("//"):
        return f"{scheme}:{encoded}"
    ends = [at for at in map(encoded[2:].find, "/?#") if at >= 0]
    end = 2 + min(ends, default=len(encoded) - 2)
    user, at, host = encoded[2:end].rpartition("@")
    port = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443", "ftp": ":21"}.get(scheme)
    host = host.lower().removesuffix(port) if port else host.lower()
    path = encoded[end:]
    return f"{scheme}://{user}{at}{host}{path if path[:1] == '/' or not port else f'/{path}'}"


@given(SCHEMES, HOSTS, PATHS)
@example("note", "a", "/100%")
@example("http", "a:80", "?x")
def test_what_parsers_make_of_a_uri_finds_its_resource(scheme: str, host: str, path: str) -> None:
    uri = f"{scheme}://{host}{'/' if path and path[0] not in '/?#' else ''}{path}"
    assume("{" not in uri and "}" not in uri)  # a template
    try:
        check_uri(uri)
    except DeclarationError:
        assume(False)
    key = normalize_uri(uri)
    assert normalize_uri(key) == key
    if host or scheme == "file":
        assert normalize_uri(as_browsers_write(uri)) == key
    try:
        parsed: Any = str(pydantic.AnyUrl(uri))
    except pydantic.ValidationError:
        return  # a client of pydantic's could not list it
    assert normalize_uri(parsed) == key, parsed


SPELLINGS = [
    ("http://example.com", "http://example.com/"),
    ("https://example.com", "https://example.com:443"),
    ("http://example.com?x", "http://example.com/?x"),
    ("file:///notes/a", "file://localhost/notes/a"),
    ("file:///notes/a", "file:/notes/a"),
    ("http://bücher.example/a", "http://xn--bcher-kva.example/a"),
    ("http://bücher.example/a", "http://XN--BCHER-KVA.example:80/a"),
    ("http://faß.example/", "http://xn--fa-hia.example"),
]


@pytest.mark.parametrize(("declared", "sent"), SPELLINGS)
def test_spellings_of_clients_are_one_uri(declared: str, sent: str) -> None:
    assert normalize_uri(declared) == normalize_uri(sent)
    mcp = make_server()
    mcp.resource(declared, name="r")(lambda: "found")
    assert Client(mcp.lambda_handler()).read(sent).result["contents"][0]["text"] == "found"


@pytest.mark.parametrize(
    ("template", "sent"),
    [
        ("file:///{+x}", "file://localhost/v"),
        ("file:///{+x}", "file:/v"),
        ("http://bücher.example/{x}", "http://xn--bcher-kva.example/v"),
        ("http://bücher.example/{x}", "http://Xn--Bcher-Kva.Example:80/v"),
    ],
)
def test_spellings_of_clients_match_templates(template: str, sent: str) -> None:
    mcp = make_server()

    @mcp.resource(template)
    def read(x: str) -> str:
        return x

    assert Client(mcp.lambda_handler()).read(sent).result["contents"][0]["text"] == "v"


@pytest.mark.parametrize(
    "uri",
    ["http://xn--0/", "http://xn--zzzzzzzzzzz/", "http://axn--bcher-kva.example/", "a://xn--bcher-kva/x"],
)
def test_what_only_looks_encoded_stays(uri: str) -> None:
    assert normalize_uri(uri) == uri


def test_labels_of_a_host_never_become_lone_surrogates() -> None:
    label = "a\ud800".encode("punycode").decode()
    assert normalize_uri(f"http://xn--{label}/") == f"http://xn--{label}/"


@pytest.mark.parametrize("uri", ["a://b:65536/", "a://b:999999/{x}"])
def test_ports_that_clients_refuse_are_refused(uri: str) -> None:
    with pytest.raises(DeclarationError, match=r"is no number below 65536"):
        make_server().resource(uri)(lambda x="": "")


def test_hosts_may_have_variables_and_ports() -> None:
    mcp = make_server()
    mcp.resource("a://{x}:65535/y z", name="r")(lambda x: x)
    assert Client(mcp.lambda_handler()).read("a://h:65535/y%20z").result["contents"][0]["text"] == "h"
