import hashlib
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lambent.auth.api_keys import ApiKey, ApiKeys, make_api_key, read_api_keys
from lambent.auth.authenticator import CredentialsError
from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError
from lambent.wire.http import Request

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
KEY = "lmb_Zm9yIHRlc3RzIG9ubHksIGFuZCBmb3Igbm90aGluZyBlbHNl"
NEXT_KEY = "lmb_dGhlIG5leHQga2V5IG9mIHRoZSBzYW1lIGNhbGxlciwgcm90YXRl"


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


HASH = digest(KEY)


def api_keys(**options: Any) -> ApiKeys:
    keys = {
        "ada-2025": ApiKey(hash=HASH, subject="ada", scopes=["orders:read"]),
        "ada-2026": ApiKey(
            hash=digest(NEXT_KEY).upper(), subject="ada", scopes=["orders:read", "orders:write"]
        ),
    }
    return ApiKeys(keys, clock=NOW.timestamp, **options)


def sent(value: str, header: str = "x-api-key") -> Request:
    return Request(method="POST", path="/mcp", headers={header: value})


def test_a_key_identifies_its_caller() -> None:
    assert api_keys().authenticate(sent(KEY)) == Principal(
        "ada", "api-keys", frozenset({"orders:read"}), client_id="ada-2025"
    )


def test_two_keys_of_one_caller_make_one_principal() -> None:
    old, new = (api_keys().authenticate(sent(key)) for key in (KEY, NEXT_KEY))
    assert old is not None
    assert new is not None
    assert (old.key, new.key) == ("8:api-keysada", "8:api-keysada")
    assert (new.client_id, new.scopes) == ("ada-2026", {"orders:read", "orders:write"})


def test_the_header_may_have_another_name() -> None:
    keys = api_keys(header="X-Shop-Key")
    assert keys.authenticate(sent(KEY, "x-shop-key")) is not None
    assert keys.authenticate(sent(KEY)) is None


@pytest.mark.parametrize(
    "request_",
    [
        Request(),
        Request(headers={"authorization": f"Bearer {KEY}"}),
        Request(headers={"authorization": KEY, "api-key": KEY, "cookie": f"x-api-key={KEY}"}),
        Request(query=f"x-api-key={KEY}"),
        Request(event={"requestContext": {"identity": {"apiKey": KEY}}}),
    ],
)
def test_only_the_header_is_read(request_: Request) -> None:
    assert api_keys().authenticate(request_) is None


BAD = [
    "",
    " ",
    "x",
    "null",
    "lmb_",
    KEY[:-1],
    KEY[1:],
    f"{KEY}x",
    f"{KEY} ",
    f" {KEY}",
    f"{KEY}\n",
    f"{KEY}\x00",
    KEY.lower(),
    KEY.upper(),
    KEY.removeprefix("lmb_"),
    f"{KEY}, {KEY}",
    f"{KEY},{NEXT_KEY}",
    f"Bearer {KEY}",
    f'"{KEY}"',
    f"{KEY}=",
    HASH,
    HASH.upper(),
    f"ada-2025:{KEY}",
    "ada-2025",
    "ada",
    "*",
    "é" * 40,
    "\ud800",
    "\u0000",
    "' OR '1'='1",
    "x" * 1_000_000,
]


@pytest.mark.parametrize("value", BAD, ids=map(str, range(len(BAD))))
def test_a_key_that_is_not_known_is_refused(value: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        api_keys().authenticate(sent(value))
    assert (caught.value.status, str(caught.value)) == (401, "The API key in X-API-Key is not valid")


@pytest.mark.parametrize(
    "expires",
    [NOW, NOW - timedelta(seconds=1), datetime(2026, 8, 1, 13, 59, tzinfo=timezone(timedelta(hours=2)))],
)
def test_a_key_that_has_expired_is_refused(expires: datetime) -> None:
    keys = ApiKeys({"ada": ApiKey(hash=HASH, subject="ada", expires=expires)}, clock=NOW.timestamp)
    with pytest.raises(CredentialsError) as caught:
        keys.authenticate(sent(KEY))
    assert (caught.value.status, str(caught.value)) == (401, "The API key has expired")


def test_a_key_serves_until_it_expires() -> None:
    key = ApiKey(hash=HASH, subject="ada", expires=NOW + timedelta(seconds=1))
    assert ApiKeys({"ada": key}, clock=NOW.timestamp).authenticate(sent(KEY)) is not None


# Declaring keys


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"hash": KEY}, "its SHA-256 digest, 64 hexadecimal digits"),
        ({"hash": ""}, "its SHA-256 digest"),
        ({"hash": HASH[:-1]}, "its SHA-256 digest"),
        ({"hash": f"{HASH}\n"}, "its SHA-256 digest"),
        ({"hash": f"sha256:{HASH}"}, "its SHA-256 digest"),
        ({"subject": ""}, "subject"),
        ({"subject": " "}, "subject"),
        ({"subject": "a\nb"}, "subject"),
        ({"scopes": "orders:read"}, "scopes of an API key are a list"),
        ({"expires": datetime(2027, 1, 1)}, "needs a time zone"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        ApiKey(**{"hash": HASH, "subject": "ada", **members})
    assert KEY not in str(caught.value)
    assert HASH[:-1] not in str(caught.value)


@pytest.mark.parametrize("header", ["", "X API Key", "X-API-Key:", "x\n", "é", "Authorization"])
def test_a_header_that_cannot_carry_a_key_is_refused(header: str) -> None:
    with pytest.raises(ConfigurationError, match="header with the name"):
        api_keys(header=header)


def test_there_has_to_be_a_key() -> None:
    with pytest.raises(ConfigurationError, match="There is no API key"):
        ApiKeys({})


def test_two_keys_with_one_hash_are_refused() -> None:
    keys = {"ada": ApiKey(hash=HASH, subject="ada"), "bob": ApiKey(hash=HASH.upper(), subject="bob")}
    with pytest.raises(ConfigurationError, match="The API key 'bob' has the hash of another one"):
        ApiKeys(keys)


def test_no_hash_is_shown() -> None:
    key = ApiKey(hash=HASH, subject="ada", scopes=["a"])
    assert repr(key) == "ApiKey(subject='ada', scopes=['a'], expires=None)"
    assert HASH not in repr(ApiKeys({"ada": key}))


# Settings


def test_a_list_of_keys_is_read() -> None:
    text = f"ada:{HASH}:orders:read  orders:write, bob:{digest('b')}\n carol : {digest('c')} : ,"
    with pytest.raises(ConfigurationError):
        read_api_keys(text.replace("bob:", ":"))
    assert read_api_keys(text) == {
        "ada": ApiKey(hash=HASH, subject="ada", scopes=("orders:read", "orders:write")),
        "bob": ApiKey(hash=digest("b"), subject="bob", scopes=()),
        "carol": ApiKey(hash=digest("c"), subject="carol", scopes=()),
    }


def test_json_of_keys_is_read() -> None:
    entry = {"hash": HASH, "subject": "ada", "scopes": ["a"], "expires": "2027-01-31T00:00:00Z"}
    assert read_api_keys(json.dumps({"ada-2026": entry})) == {
        "ada-2026": ApiKey(hash=HASH, subject="ada", scopes=["a"], expires=datetime(2027, 1, 31, tzinfo=UTC))
    }


def test_nothing_is_no_key() -> None:
    assert read_api_keys(" \n") == {}


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        "ada",
        "ada:",
        f":{HASH}",
        f"ada:{KEY}",
        f"ada {HASH}",
        f"ada:{HASH},ada:{digest('b')}",
        f"{{{KEY}",
        "{",
        '{"ada": null}',
        json.dumps({"ada": KEY}),
        json.dumps({"ada": {"hash": HASH}}),
        json.dumps({"ada": {"hash": KEY, "subject": "ada"}}),
        json.dumps({"ada": {"hash": 7, "subject": "ada"}}),
        json.dumps({"ada": {"hash": HASH, "subject": "ada", "key": KEY}}),
        json.dumps({"ada": {"hash": HASH, "subject": "ada", "scopes": KEY}}),
        json.dumps({"ada": {"hash": HASH, "subject": "ada", "scopes": [7]}}),
        json.dumps({"ada": {"hash": HASH, "subject": "ada", "expires": "soon"}}),
        json.dumps({"ada": {"hash": HASH, "subject": "ada", "expires": "2027-01-31T00:00:00"}}),
        "{" * 100_000,
        '{"ada": "\ud800"}',
    ],
    ids=range(21),
)
def test_a_setting_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_api_keys(text)
    shown = f"{caught.value}{caught.value.__cause__}"
    assert KEY not in shown
    assert HASH not in shown


# Making keys


def test_a_new_key_is_random_and_has_its_hash() -> None:
    made = [make_api_key() for _ in range(100)]
    assert len({key for key, _ in made}) == 100
    for key, hashed in made:
        assert re.fullmatch(r"lmb_[A-Za-z0-9_-]{43}", key)  # 256 bits
        assert hashed == digest(key)
    key, hashed = made[0]
    found = ApiKeys({"ada": ApiKey(hash=hashed, subject="ada")}).authenticate(sent(key))
    assert found is not None
