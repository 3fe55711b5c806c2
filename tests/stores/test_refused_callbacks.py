"""URLs that a client may not have deliveries sent to, each with the answer that a subscription gets."""

import json
import socket
from collections.abc import Sequence

import pytest
from tests.execution.events.test_subscriptions import Shop
from tests.stores.receivers import HOST, PUBLIC, Network, Receiver, answering
from tests.support import failure

from lambent.execution.events.ports import CallbackFailed
from lambent.stores.callbacks import HttpsCallbacks, resolve_host

NO_HTTPS = "an https URL"
NO_URL = "a URL"
NOT_BARE = "a URL without credentials and without a fragment"
TOO_LONG = "at most 2048 characters long"

MALFORMED = [
    # Other schemes.
    ("http://hook.example/", NO_HTTPS),
    ("HTTPS://hook.example/", NO_HTTPS),
    ("https:hook.example/", NO_HTTPS),
    ("https:/hook.example/", NO_HTTPS),
    ("//hook.example/", NO_HTTPS),
    ("hook.example/", NO_HTTPS),
    ("", NO_HTTPS),
    ("ftp://hook.example/", NO_HTTPS),
    ("file:///etc/passwd", NO_HTTPS),
    ("gopher://127.0.0.1:6379/_INFO", NO_HTTPS),
    ("dict://127.0.0.1:11211/stats", NO_HTTPS),
    ("ws://hook.example/", NO_HTTPS),
    ("data:text/plain,x", NO_HTTPS),
    ("javascript:alert(1)", NO_HTTPS),
    (" https://hook.example/", NO_HTTPS),
    ("\thttps://hook.example/", NO_HTTPS),
    # Credentials and fragments.
    ("https://ann:secret@hook.example/", NOT_BARE),
    ("https://hook.example@127.0.0.1/", NOT_BARE),
    ("https://127.0.0.1\\@hook.example/", NOT_BARE),
    ("https://@hook.example/", NOT_BARE),
    ("https://hook.example/#a", NOT_BARE),
    ("https://hook.example/#", NOT_BARE),
    ("https://hook.example#@127.0.0.1/", NOT_BARE),
    # Ports.
    ("https://hook.example:0/", NO_URL),
    ("https://hook.example:65536/", NO_URL),
    ("https://hook.example:-1/", NO_URL),
    ("https://hook.example:0x1bb/", NO_URL),
    ("https://hook.example:/", NO_URL),
    ("https://hook.example:443:80/", NO_URL),
    # Hosts that are none.
    ("https://", NO_URL),
    ("https:///hooks", NO_URL),
    ("https://?a=b", NO_URL),
    ("https://.hook.example/", NO_URL),
    ("https://hook..example/", NO_URL),
    ("https://hook.example./", NO_URL),
    ("https://localhost./", NO_URL),
    ("https://127.0.0.1./", NO_URL),
    ("https://-hook.example/", NO_URL),
    ("https://*.hook.example/", NO_URL),
    ("https://hook!example/", NO_URL),
    ("https://" + "a" * 64 + ".example/", NO_URL),
    ("https://" + "a." * 127 + "example/", NO_URL),
    ("https://[::1/", NO_URL),
    ("https://::1/", NO_URL),
    ("https://[hook.example]/", NO_URL),
    ("https://[127.0.0.1]/", NO_URL),
    ("https://[v1.fe80::1]/", NO_URL),
    ("https://[fe80::1%25eth0]/", NO_URL),
    ("https://[fe80::1%eth0]/", NO_URL),
    # IPv4 addresses that are written in another way.
    ("https://0177.0.0.1/", NO_URL),
    ("https://017700000001/", NO_URL),
    ("https://0x7f.0.0.1/", NO_URL),
    ("https://0x7f000001/", NO_URL),
    ("https://127.0.0.0x1/", NO_URL),
    ("https://2130706433/", NO_URL),
    ("https://127.1/", NO_URL),
    ("https://127.0.1/", NO_URL),
    ("https://0/", NO_URL),
    ("https://0x/", NO_URL),
    ("https://127.0.0.01/", NO_URL),
    ("https://127.0.0.1.1/", NO_URL),
    ("https://256.256.256.256/", NO_URL),
    ("https://2852039166/", NO_URL),  # the metadata of EC2
    # What is read differently by others.
    ("https://hook.example\\.evil.example/", NO_URL),
    ("https://hook.example\r\nhost: evil.example/", NO_URL),
    ("https://hook.example/\r\nx-a: 1", NO_URL),
    ("https://hook.example/\x00", NO_URL),
    ("https://hook.example/\x7f", NO_URL),
    ("https://hook.example/a b", NO_URL),
    ("https://hook.example /", NO_URL),
    ("https://hook.\texample/", NO_URL),
    ("https://%31%32%37.0.0.1/", NO_URL),
    ("https://127%2e0.0.1/", NO_URL),
    ("https://hook%00.example/", NO_URL),
    ("https://\uff11\uff12\uff17.0.0.1/", NO_URL),  # digits of full width
    ("https://127\u30020\u30020\u30021/", NO_URL),  # ideographic full stops
    ("https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/", NO_URL),  # letters in circles
    ("https://h\u00f6\u00f6k.example/", NO_URL),
    ("https://hook.example/\u202e", NO_URL),
    ("https://hook.example/" + "a" * 2048, TOO_LONG),
]

UNREACHABLE = [
    # IPv4, by the registry of special addresses.
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://100.64.0.1/",
    "https://127.0.0.1/",
    "https://127.255.255.254:8443/",
    "https://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "https://169.254.170.2/v2/credentials/",
    "https://169.254.100.1:9001/2018-06-01/runtime/invocation/next",
    "https://172.16.0.1/",
    "https://172.31.0.2/",
    "https://192.0.0.170/",
    "https://192.0.2.1/",
    "https://192.31.196.1/",
    "https://192.52.193.1/",
    "https://192.88.99.1/",
    "https://192.168.1.1/",
    "https://192.175.48.1/",
    "https://198.18.0.1/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    # IPv6.
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[64:ff9b:1::1]/",
    "https://[100::1]/",
    "https://[100:0:0:1::1]/",
    "https://[2001::1]/",
    "https://[2001:2::1]/",
    "https://[2001:10::1]/",
    "https://[2001:20::1]/",
    "https://[2001:db8::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::1]/",
    "https://[2620:4f:8000::1]/",
    "https://[3fff::1]/",
    "https://[4000::1]/",
    "https://[5f00::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    # Names of them.
    "https://localhost/",
    "https://LOCALHOST/",
    "https://sub.localhost/",
    "https://private.example/",
    "https://mixed.example/",
    "https://mapped.example/",
    "https://zone.example/",
    "https://alias.example/",
    "https://instance-data.ec2.internal/",
    "https://nothing.example/",
]

NAMES = {
    "sub.localhost": ["::1"],
    "private.example": ["10.1.2.3"],
    "mixed.example": [PUBLIC, "192.168.0.10"],
    "mapped.example": ["::ffff:10.1.2.3"],
    "zone.example": ["fe80::1%2"],
    "alias.example": ["172.20.0.5"],  # where the alias leads to: resolvers follow it
    "instance-data.ec2.internal": ["169.254.169.254"],
    "nothing.example": [],
}


def resolve(host: str, port: int) -> Sequence[str]:
    found = NAMES.get(host)
    return resolve_host(host, port) if found is None else found


def connect(address: str, port: int, seconds: float) -> socket.socket:
    raise AssertionError(f"connected to {address}")


@pytest.mark.parametrize(("url", "wanted"), MALFORMED)
def test_what_is_no_url_of_an_endpoint(url: str, wanted: str) -> None:
    shop = Shop(callbacks=HttpsCallbacks(resolve=resolve, connect=connect))
    reply = shop.client.request("events/subscribe", shop.params({"url": url}))
    expected = failure(-32602, f"Invalid params: delivery.url must be {wanted}")
    assert (reply.status, reply.body) == (400, expected)


@pytest.mark.parametrize("url", UNREACHABLE)
def test_what_only_this_server_could_reach(url: str) -> None:
    """It looks as if nobody was there: a client learns nothing of the network around."""
    shop = Shop(callbacks=HttpsCallbacks(resolve=resolve, connect=connect))
    reply = shop.client.request("events/subscribe", shop.params({"url": url}))
    expected = failure(-32027, "CallbackEndpointError", {"reason": "connection_refused"})
    assert (reply.status, reply.body) == (200, expected)
    assert shop.queue.messages == []


def test_every_url_is_in_the_table_once() -> None:
    urls = [url for url, _ in MALFORMED] + UNREACHABLE
    assert len(set(urls)) == len(urls) > 120


@pytest.mark.parametrize(
    "url",
    [
        "https://hook.example/",
        "https://hook.example",
        "https://hook.example?a=b",
        "https://hook.example:8443/hooks/1?a=b&c=%20",
        "https://HOOK.example/",
        "https://xn--hk-fkaa.example/",
        "https://_a.hook-1.example/",
        f"https://{PUBLIC}/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/",
    ],
)
def test_urls_of_endpoints(url: str) -> None:
    assert Shop().subscribe({"url": url})["id"].startswith("sub_")


# Names that stand for something else later.


def shop_in(network: Network, receiver: Receiver) -> Shop:
    """A shop in a network in which the receiver repeats what it is asked to."""

    def echo(connection: socket.socket) -> None:
        body = json.loads(receiver.requests[-1].partition(b"\r\n\r\n")[2])
        answering(b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps({"challenge": body["challenge"]}).encode())(
            connection  # type: ignore[arg-type]
        )

    receiver.answer = echo
    return Shop(callbacks=network.callbacks)


def test_a_name_that_changes_between_check_and_connection(network: Network, receiver: Receiver) -> None:
    network.answers = [[PUBLIC], ["127.0.0.1"]]
    shop = shop_in(network, receiver)
    shop.subscribe({"url": f"https://{HOST}/"})
    assert network.asked == [(HOST, 443)]
    assert network.connected == [(PUBLIC, 443)]


def test_a_name_that_changes_between_subscription_and_delivery(network: Network, receiver: Receiver) -> None:
    network.answers = [[PUBLIC], ["127.0.0.1"]]
    shop = shop_in(network, receiver)
    shop.subscribe({"url": f"https://{HOST}/"})
    with pytest.raises(CallbackFailed, match="connection_refused"):
        network.post(f"https://{HOST}/")
    assert network.connected == [(PUBLIC, 443)]


def test_name_and_certificate_are_those_of_the_url(network: Network, receiver: Receiver) -> None:
    shop = shop_in(network, receiver)
    shop.subscribe({"url": f"https://{HOST}:8443/hooks"})
    assert network.connected == [(PUBLIC, 8443)]
    assert receiver.names == [HOST]
    assert receiver.requests[0].startswith(b"POST /hooks HTTP/1.1\r\nhost: hook.example:8443\r\n")
    error = shop.refused({"url": f"https://{PUBLIC}/hooks"})
    assert error["data"] == {"reason": "tls_error"}  # the certificate does not name the address


def test_a_redirect_to_what_only_this_server_could_reach(network: Network, receiver: Receiver) -> None:
    shop = shop_in(network, receiver)
    receiver.answer = answering(b"HTTP/1.1 307 Moved\r\nlocation: https://169.254.169.254/\r\n\r\n")
    assert shop.refused({"url": f"https://{HOST}/"})["data"] == {"reason": "challenge_failed"}
    assert set(network.connected) == {(PUBLIC, 443)}
    assert {host for host, _ in network.asked} == {HOST}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"])
def test_no_proxy_is_asked(
    network: Network, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    shop_in(network, receiver).subscribe({"url": f"https://{HOST}/"})
    assert network.connected == [(PUBLIC, 443)]
