"""Who is asked first, and what a caller is told whom nobody knows."""

from typing import Any

import pytest

from lambent.auth.authenticator import CredentialsError
from lambent.auth.principal import Principal
from lambent.auth.resource_server import ResourceServer
from lambent.errors import HttpRefusal
from lambent.wire.http import Request

URL = "https://a.test/metadata"


class Says:
    """Says always the same of a caller, and counts."""

    def __init__(self, answer: Principal | Exception | None) -> None:
        self.answer = answer
        self.asked = 0

    def authenticate(self, request: Request) -> Principal | None:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def server(
    *authenticators: Says, scopes: dict[str, list[str]] | None = None, **options: Any
) -> ResourceServer:
    found = {"i": ["s"]} if scopes is None else scopes
    return ResourceServer(authenticators, lambda _: URL, found, list(found), **options)


def refusal(guard: ResourceServer, request: Request | None = None) -> HttpRefusal:
    with pytest.raises(HttpRefusal) as caught:
        guard.authenticate(request or Request())
    return caught.value


def test_the_first_that_finds_credentials_counts() -> None:
    first, second, third = Says(None), Says(Principal("ada")), Says(Principal("bob"))
    found = server(first, second, third).authenticate(Request())
    assert found == Principal("ada")
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)


def test_bad_credentials_end_the_search() -> None:
    """Another kind of credentials beside them does not help."""
    later = Says(Principal("bob"))
    refused = refusal(server(Says(CredentialsError("Bad")), later))
    assert (refused.status, refused.message, later.asked) == (401, "Bad", 0)
    assert refused.headers["www-authenticate"] == (
        f'Bearer error="invalid_token", scope="s", resource_metadata="{URL}", error_description="Bad"'
    )
    assert refused.__suppress_context__


def test_other_refusals_are_left_as_they_are() -> None:
    refused = HttpRefusal(503, "Later", {"Retry-After": "5"})
    assert refusal(server(Says(refused), Says(Principal("bob")))) is refused


def test_nobody() -> None:
    refused = refusal(server(Says(None)))
    assert (refused.status, refused.data) == (401, None)
    assert refused.headers["www-authenticate"] == f'Bearer scope="s", resource_metadata="{URL}"'
    assert server(Says(None), takes_anonymous=True).authenticate(Request()) is None
    assert refusal(server(Says(CredentialsError("Bad")), takes_anonymous=True)).status == 401


def test_where_clients_can_get_no_tokens() -> None:
    refused = refusal(server(Says(None), scopes={}))
    assert (refused.status, refused.headers) == (401, {})
    refused = refusal(server(Says(CredentialsError("Bad")), scopes={}))
    assert (refused.status, refused.headers, refused.data) == (401, {}, {"error": "invalid_token"})


def test_scopes_of_every_call() -> None:
    guard = server(scopes={"i": ["a"], "j": ["b"]})
    assert guard.base_scopes(Principal("ada", "i")) == ["a"]
    assert guard.base_scopes(Principal("ada", "j")) == ["b"]
    assert guard.base_scopes(Principal("ada", "k")) == ()
    assert guard.base_scopes(None) == ["a"]
    assert server(scopes={}).base_scopes(None) == ()


@pytest.mark.parametrize(
    ("query", "is_refused"),
    [
        ("access_token=a", True),
        ("access_token", True),
        ("a=b&access_token=c", True),
        ("a=b;access_token=c", True),
        ("access%5ftoken=a", True),
        ("%61%63%63%65%73%73%5F%74%6F%6B%65%6E=a", True),
        ("", False),
        ("a=access_token", False),
        ("access_tokens=a", False),
        ("ACCESS_TOKEN=a", False),
        ("access_token%3Da", False),
        ("%", False),
        ("&&&=", False),
    ],
)
def test_tokens_in_a_query(query: str, *, is_refused: bool) -> None:
    authenticator = Says(Principal("ada"))
    guard = server(authenticator)
    if is_refused:
        refused = refusal(guard, Request(query=query))
        assert (refused.status, refused.data, authenticator.asked) == (400, {"error": "invalid_request"}, 0)
        assert "scope=" not in refused.headers["www-authenticate"]
    else:
        assert guard.authenticate(Request(query=query)) == Principal("ada")
