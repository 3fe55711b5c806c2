"""Closed by default: nothing is deployed before somebody has said who may call, and then nobody else may."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.client import ASKING, Client
from tests.e2e.cloud import ROOT, Cloud
from tests.e2e.conftest import ANONYMOUS, PUBLIC_URL
from tests.e2e.stacks import Stack

ISSUER = "http://127.0.0.1:9/first"
"""Who issues tokens; nobody is asked for keys here, as nobody sends a token."""

ANOTHER = "http://127.0.0.1:9/second"
METADATA = "/.well-known/oauth-protected-resource"
ENDPOINTS = {"OrdersUrl": "/orders/mcp", "ReportsUrl": "/reports/mcp", "BackofficeUrl": "/backoffice/mcp"}
REFUND = {"name": "refund_order", "arguments": {"order_id": "ORD-1005"}}


@pytest.mark.parametrize(
    ("template", "environment", "parameters", "told"),
    [
        ("template.yaml", "default", {}, "Who may call? Set AuthIssuer"),
        ("template.yaml", "prod", {}, "Who may call? Set AuthIssuer"),
        (
            "template.yaml",
            "dev",
            {"AllowAnonymous": "false", "BackofficeKey": "x"},
            "Who may call? Set AuthIssuer",
        ),
        ("template.yaml", "dev", {"AuthIssuer": "http://login.example.com"}, "must be an https URL"),
        ("functions/hello/template.yaml", "", {}, "Set AllowAnonymous=true if that is what you want"),
    ],
)
def test_nothing_is_deployed_before_somebody_says_who_may_call(
    cloud: Cloud,
    built: Callable[[Path], Path],
    template: str,
    environment: str,
    parameters: dict[str, str],
    told: str,
) -> None:
    before = cloud.inventory()["stacks"]
    settings = ("--config-file", str(ROOT / "samconfig.toml"), "--config-env", environment)
    with pytest.raises(AssertionError, match="sam deploy") as refused:
        Stack(
            cloud, "open", built(ROOT / template), *(settings if environment else ()), parameters=parameters
        )
    # Lines of what sam prints are broken anywhere.
    assert told.replace(" ", "") in "".join(str(refused.value).split())
    assert {name for name in cloud.inventory()["stacks"] - before if "managed" not in name} == set()


def test_a_deploy_with_an_issuer_is_closed(deploy_shop: Callable[..., Stack]) -> None:
    stack = deploy_shop("closed", parameters={"AuthIssuer": ISSUER, "PublicUrl": PUBLIC_URL})
    for output, endpoint in ENDPOINTS.items():
        client = Client(stack.cloud, stack.url(output))
        refused = client.post("tools/list")
        challenge = f'Bearer resource_metadata="{PUBLIC_URL}{METADATA}{endpoint}"'
        assert (refused.status, refused.headers["www-authenticate"]) == (401, challenge), output
        assert stack.cloud.send(f"{client.url}/server-card").status == 200
        assert issuers(stack, METADATA + endpoint) == [ISSUER]
    assert issuers(stack, METADATA) == [ISSUER]
    office = stack.url("BackofficeUrl").removesuffix("/mcp")
    for path in ("/shipments", "/docs", "/openapi.json"):
        # There is no key: whatever is sent, it is the wrong one.
        assert stack.cloud.send(f"{office}{path}", headers={"x-api-key": ""}).status == 401

    # Other values of parameters reach the versions that are called.
    overrides = {
        **ANONYMOUS,
        "AuthIssuer": ANOTHER,
        "BackofficeKey": "open-sesame",
        "RefundScope": "orders/refund",
    }
    stack.deploy(stack.built, overrides)
    for endpoint in ("", *ENDPOINTS.values()):
        assert issuers(stack, METADATA + endpoint) == [ANOTHER]
    orders = Client(stack.cloud, stack.url("OrdersUrl"))
    assert len(orders.request("tools/list")["tools"]) == 3
    refused = orders.post("tools/call", REFUND, capabilities=ASKING)
    assert refused.status == 401
    assert refused.headers["www-authenticate"].startswith('Bearer scope="orders/refund", ')
    assert stack.cloud.send(f"{office}/shipments").status == 401
    assert stack.cloud.send(f"{office}/shipments", headers={"x-api-key": "open-sesame"}).status == 200


def issuers(stack: Stack, path: str) -> list[str]:
    """Who issues tokens, as the metadata at a path of the API says."""
    reply = stack.cloud.send(stack.local(stack.outputs["ApiUrl"]) + path)
    assert reply.status == 200, reply
    found: list[str] = json.loads(reply.body)["authorization_servers"]
    return found
