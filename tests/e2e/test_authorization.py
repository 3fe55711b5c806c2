"""Official clients that have no token get all the way to calls of deployed functions, over TLS.

Behind one address challenges are renamed, as API Gateway does it; behind the other one they arrive.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from tests.e2e.cloud import Cloud, Reply
from tests.e2e.public_gateway import CHALLENGE, public_gateway
from tests.e2e.stacks import Stack
from tests.interop import clients
from tests.interop.authorization.visits import REFUND, WHOAMI, Visit, structured, text_of
from tests.interop.talks import call
from tests.issuer.issuer import Issuer
from tests.issuer.server import Received

TEMPLATE = Path(__file__).parent / "guarded" / "template.yaml"
PATH = "/orders/mcp"
METADATA = f"/.well-known/oauth-protected-resource{PATH}"
FIRST = [f"POST {PATH} 401", f"GET {METADATA} 200"]
CALL = f"POST {PATH} 200"
_BACKGROUND = (f"POST {PATH} 202", f"GET {PATH} 405", f"DELETE {PATH} 200")
"""What clients of the legacy era do besides."""


@dataclass(frozen=True)
class Address:
    """An address of the server: where it is, and what was asked there."""

    url: str
    log: list[str]


@dataclass(frozen=True)
class Deployed:
    """The server at its addresses, `renamed` and `intact`, and its issuer."""

    stack: Stack
    issuer: Issuer
    addresses: dict[str, Address]

    def begin(self, name: str) -> Address:
        """An address, as if nobody had asked for anything yet."""
        address = self.addresses[name]
        address.log.clear()
        self.issuer.received.clear()
        return address

    @property
    def asked_by_clients(self) -> list[Received]:
        """What clients asked the issuer."""
        return [one for one in self.issuer.received if one.headers.get("accept-encoding") != "identity"]

    @property
    def scopes(self) -> list[list[str]]:
        """What was asked for at each login."""
        logins = [one.query for one in self.asked_by_clients if one.path == "/authorize"]
        return [sorted(login["scope"][0].split()) for login in logins]

    @property
    def resources(self) -> set[str]:
        """For which servers tokens were asked."""
        return {one.form["resource"][0] for one in self.asked_by_clients if one.path == "/token"}


@pytest.fixture(scope="module")
def deployed(cloud: Cloud, deploy: Callable[..., Stack]) -> Iterator[Deployed]:
    addresses: dict[str, Address] = {}

    def send(log: list[str], url: str, body: bytes | None, headers: dict[str, str], method: str) -> Reply:
        reply = cloud.send(url, body, headers, method)
        log.append(f"{method} {url.removeprefix(targets[id(log)])} {reply.status}")
        return reply

    targets: dict[int, str] = {}
    with ExitStack() as stack:
        issuer = stack.enter_context(Issuer(audience=None))
        gateways = {}
        for name, challenge in (("Renamed", CHALLENGE), ("Intact", "www-authenticate")):
            log: list[str] = []
            opened = public_gateway(partial(send, log), cloud.certificate, cloud.key, challenge)
            gateways[name] = stack.enter_context(opened)
            addresses[name.lower()] = Address(gateways[name].url + PATH, log)
        parameters = {f"{name}Url": gateway.url for name, gateway in gateways.items()}
        made = deploy("guarded", TEMPLATE, parameters={"Issuer": issuer.url, **parameters})
        for name, gateway in gateways.items():
            gateway.target = made.local(made.outputs[name])
            targets[id(addresses[name.lower()].log)] = gateway.target
        yield Deployed(made, issuer, addresses)


@pytest.fixture(scope="module", params=["python", "typescript"])
def client(
    request: pytest.FixtureRequest, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, clients.Client]]:
    """An official client that trusts the certificate."""
    trust = {"SSL_CERT_FILE": str(cloud.certificate), "NODE_EXTRA_CA_CERTS": str(cloud.certificate)}
    start = {"python": clients.python, "typescript": clients.typescript}[request.param]
    with closing(start(tmp_path_factory.mktemp("clients"), trust)) as started:
        yield request.param, started


def calls(address: Address) -> list[str]:
    return [line for line in address.log if line not in _BACKGROUND]


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_where_challenges_are_renamed_clients_ask_for_all_scopes_at_once(
    deployed: Deployed, client: tuple[str, clients.Client], era: str
) -> None:
    address = deployed.begin("renamed")
    known, refunded = Visit(client[1], client[0], address.url, era).take(WHOAMI, REFUND)
    assert structured(known)["scopes"] == ["orders:read", "orders:refund"]
    assert text_of(refunded) == "Refunded A-1"
    assert calls(address) == [*FIRST, CALL, CALL, CALL, CALL]
    assert deployed.scopes == [["orders:read", "orders:refund"]]
    assert deployed.resources == {address.url}


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_where_challenges_arrive_clients_ask_for_what_each_call_needs(
    deployed: Deployed, client: tuple[str, clients.Client], era: str
) -> None:
    address = deployed.begin("intact")
    known, refunded = Visit(client[1], client[0], address.url, era).take(WHOAMI, REFUND)
    assert structured(known)["scopes"] == ["orders:read"]
    assert text_of(refunded) == "Refunded A-1"
    assert calls(address) == [*FIRST, CALL, CALL, CALL, f"POST {PATH} 403", CALL]
    assert deployed.scopes == [["orders:read"], ["orders:read", "orders:refund"]]
    assert deployed.resources == {address.url}


def test_a_token_for_one_address_is_none_for_the_other(deployed: Deployed) -> None:
    begun = time.time()
    token = deployed.issuer.token(audience=deployed.begin("renamed").url, scopes=["orders:read"])
    stack, wrong = deployed.stack, deployed.begin("intact")
    url = stack.local(stack.outputs["Intact"]) + PATH
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    refused = stack.cloud.send(url, b"{}", headers)
    assert refused.status == 401
    where = wrong.url.removesuffix(PATH) + METADATA
    assert refused.headers["www-authenticate"] == (
        f'Bearer error="invalid_token", scope="orders:read", resource_metadata="{where}", '
        'error_description="The token was issued for another server (aud)"'
    )
    said = stack.logs(begun) + refused.body.decode()
    assert "IntactFunction" in said
    assert not any(part in said for part in token.split("."))


@pytest.fixture(scope="module")
def guarded_shop(cloud: Cloud, shop_with_issuer: tuple[Stack, Issuer]) -> Iterator[Deployed]:
    """The application of this repository at an address of its own, whose clients see no challenges."""
    log: list[str] = []

    def send(url: str, body: bytes | None, headers: dict[str, str], method: str) -> Reply:
        reply = cloud.send(url, body, headers, method)
        log.append(f"{method} {url.removeprefix(gateway.target)} {reply.status}")
        return reply

    stack, issuer = shop_with_issuer
    with public_gateway(send, cloud.certificate, cloud.key) as gateway:
        # Not as a parameter: cards with an address of this machine are not published.
        stack.renew("OrdersFunction", LAMBENT_PUBLIC_URL=gateway.url)
        gateway.target = stack.local(stack.outputs["ApiUrl"])
        yield Deployed(stack, issuer, {"orders": Address(gateway.url + PATH, log)})


def test_the_application_refunds_for_clients_that_began_with_nothing(
    guarded_shop: Deployed, client: tuple[str, clients.Client]
) -> None:
    address = guarded_shop.begin("orders")
    answers = {"elicitation": {"confirm": True, "reason": "It came late."}}
    task = call("refund_order", {"order_id": "ORD-1005"}, answers=answers)
    outcome = Visit(client[1], client[0], address.url, "modern").run(task)
    assert structured(outcome)["refunded"] is True
    assert address.log[:2] == FIRST
    assert set(address.log[2:]) == {CALL}
    assert guarded_shop.scopes == [["orders:read", "orders:refund"]]
    assert guarded_shop.resources == {address.url}
