"""The variant with a load balancer: its rules send calls to functions, and everything else to the router."""

import time
from collections.abc import Callable

import pytest
from tests.e2e.client import Client
from tests.e2e.cloud import ROOT, Cloud, Reply
from tests.e2e.conftest import ANONYMOUS, PUBLIC_URL
from tests.e2e.stacks import Stack
from tests.support import accept, dumps

TEMPLATE = ROOT / "deploy" / "load-balancer" / "template.yaml"


@pytest.fixture(scope="module")
def stack(cloud: Cloud, deploy: Callable[..., Stack]) -> Stack:
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    certificate = cloud.client("acm").request_certificate(DomainName="tools.example.com")["CertificateArn"]
    parameters = {
        "Certificate": certificate,
        "PublicUrl": PUBLIC_URL,
        "Subnets": ",".join(one["SubnetId"] for one in subnets[:2]),
        "Vpc": vpc,
    }
    made = deploy("balanced", TEMPLATE, parameters={**ANONYMOUS, **parameters})
    # MiniStack makes target groups of CloudFormation without their targets.
    for name in ("Router", "Orders", "Greetings"):
        function, _ = made.template.properties(f"{name}Targets")["Targets"][0]["Id"]["Fn::GetAtt"]
        found = cloud.client("lambda").get_function(FunctionName=made.resources[function])
        arn = found["Configuration"]["FunctionArn"]
        cloud.client("elbv2").register_targets(
            TargetGroupArn=made.resources[f"{name}Targets"], Targets=[{"Id": arn}]
        )
    return made


@pytest.fixture(scope="module")
def url(stack: Stack) -> str:
    """The endpoint: MiniStack's load balancers are below a path of its own."""
    return f"{stack.cloud.endpoint}/_alb/{stack.outputs['LoadBalancerName']}/mcp"


@pytest.fixture
def client(stack: Stack, url: str) -> Client:
    return Client(stack.cloud, url)


def counted(stack: Stack, begun: float) -> dict[str, int]:
    """How often each function was invoked since a time."""
    return {name: stack.invocations(name, begun) for name in ("Router", "Orders", "Greetings")}


def test_a_call_goes_to_its_function_and_not_through_the_router(stack: Stack, client: Client) -> None:
    begun = time.time()
    assert client.call("hello", {"name": "Mia"})["content"][0]["text"] == "Hello, Mia!"
    assert counted(stack, begun) == {"Router": 0, "Orders": 0, "Greetings": 1}
    begun = time.time()
    assert client.call("lookup_order", {"order_id": "ORD-1005"})["structuredContent"]["id"] == "ORD-1005"
    assert counted(stack, begun) == {"Router": 0, "Orders": 1, "Greetings": 0}


def test_the_router_merges_lists(stack: Stack, client: Client) -> None:
    begun = time.time()
    listed = {tool["name"] for tool in client.request("tools/list")["tools"]}
    assert {"hello", "lookup_order", "search_orders", "refund_order"} <= listed
    assert counted(stack, begun) == {"Router": 1, "Orders": 1, "Greetings": 1}


def test_a_question_is_answered(client: Client) -> None:
    answers = {"confirmation": accept(confirm=True, reason="It came late.")}
    refunded = client.answered("refund_order", {"order_id": "ORD-1005"}, answers)
    assert refunded["structuredContent"]["refunded"] is True


def test_an_earlier_client_is_served_by_the_router(stack: Stack, url: str) -> None:
    client = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "e", "version": "1"},
    }
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}

    def post(method: str, params: object) -> Reply:
        body = dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        return stack.cloud.send(url, body, headers)

    begun = post("initialize", client)
    assert begun.status == 200, begun
    headers |= {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    called = post("tools/call", {"name": "hello", "arguments": {"name": "Ada"}})
    assert "Hello, Ada!" in called.body.decode()


def test_a_header_that_differs_from_the_body_is_refused(stack: Stack, url: str) -> None:
    """It brings the request to another function than the body names."""
    client = Client(stack.cloud, url, {"mcp-name": "hello"})
    refused = client.post("tools/call", {"name": "lookup_order", "arguments": {"order_id": "ORD-1005"}})
    assert refused.status == 400
