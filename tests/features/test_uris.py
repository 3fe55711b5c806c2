"""URIs as clients spell them back, and those that no client can send."""

import pytest
from tests.support import Client, make_server

from lambent import DeclarationError
from lambent.features.uris import normalize_uri

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
