"""Signatures of deliveries."""

import base64

import pytest

from lambent import InvalidParamsError
from lambent.execution.events.signing import decode_secret, signed_headers


def encoded(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


def test_the_example_of_standard_webhooks() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, the test of its libraries."""
    headers = signed_headers(
        [decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330.9,
        b'{"test": 2432232314}',
        "sub_1",
    )
    assert headers == {
        "content-type": "application/json",
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "x-mcp-subscription-id": "sub_1",
    }


def test_two_secrets_make_two_signatures() -> None:
    def signature(*secrets: bytes) -> str:
        return signed_headers(secrets, "m", 1.0, b"{}", "s")["webhook-signature"]

    assert signature(b"new", b"old") == f"{signature(b'new')} {signature(b'old')}"


@pytest.mark.parametrize("length", [24, 25, 26, 32, 63, 64])
def test_secrets_that_are_taken(length: int) -> None:
    assert decode_secret(encoded(length)) == bytes(range(length))
    assert decode_secret(encoded(length).rstrip("=")) == bytes(range(length))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        encoded(23),
        encoded(65),
        encoded(32).removeprefix("whsec_"),
        "WHSEC_" + encoded(32)[6:],
        encoded(32).replace("A", "-"),
        encoded(32)[:-4] + "????",
        encoded(32) + " ",
        encoded(32)[:20] + "\n" + encoded(32)[20:],
        encoded(32)[:20] + "=" + encoded(32)[20:],
        "whsec_" + "é" * 40,
    ],
)
def test_secrets_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidParamsError) as caught:
        decode_secret(text)
    said = "Invalid params: delivery.secret must be whsec_ followed by Base64 of 24 to 64 bytes"
    assert (caught.value.message, caught.value.data) == (said, None)  # and nothing of what was sent
