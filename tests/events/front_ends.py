"""The front ends that the files come from, and the names of the stack behind them."""

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from lambent.cli.gateway.kinds import KINDS, Kind
from lambent.cli.gateway.messages import Api, Arrival, FrontEndRequest

REGION = "us-east-1"
ACCOUNT = "123456789012"
NOON = 1_785_585_600
"""When everything happens: 1 August 2026, 12:00 UTC, in seconds."""


def uuid_of(name: str) -> str:
    """A UUID that is the same every time."""
    return str(uuid.UUID(bytes=digest_of(name)[:16], version=4))


def digest_of(name: str) -> bytes:
    """Bytes that are the same every time."""
    return hashlib.sha256(name.encode()).digest()


@dataclass(frozen=True)
class FrontEnd:
    """A front end as a stack has it.

    Attributes:
        name: what the names of its files begin with.
        kind: what makes its events.
        host: the host that clients call.
        api: how it is set up; the path is that of the MCP endpoint.
        base: what leads the path in the URL only.
    """

    name: str
    kind: Kind
    host: str
    api: Api
    base: str = ""

    @property
    def url(self) -> str:
        """The URL of the MCP endpoint."""
        return f"https://{self.host}{self.base}{self.api.path}"

    def event(self, request: FrontEndRequest, name: str) -> dict[str, Any]:
        """The event of a request, with the ids that its name gives it."""
        arrival = Arrival(
            request_id=uuid_of(name),
            epoch_ms=NOON * 1000,
            trace_id=f"Root=1-{NOON:08x}-{digest_of(name).hex()[:24]}",
        )
        event = self.kind.event(request, self.api, arrival)
        if self.kind.name == "http-api":
            self._take_route(event, request)
        return event

    def _take_route(self, event: dict[str, Any], request: FrontEndRequest) -> None:
        # The gateway has one route, $default; the template has these.
        path = self.api.path
        if request.path == path:
            key = f"ANY {path}"
        elif request.path.startswith(f"{path}/"):
            key = f"ANY {path}/{{proxy+}}"
        else:
            key = f"{request.method} /.well-known/{{proxy+}}"
        if "{" in key:
            prefix = key.partition(" ")[2].removesuffix("{proxy+}")
            event["pathParameters"] = {"proxy": request.path.removeprefix(prefix)}
        event["routeKey"] = event["requestContext"]["routeKey"] = key


def http_api(path: str) -> FrontEnd:
    """An HTTP API, payload format 2.0, with the routes of the template."""
    api = Api(path=path, region=REGION, account_id=ACCOUNT, api_id="a1b2c3d4e5")
    return FrontEnd("http-api", KINDS["http-api"], f"{api.api_id}.execute-api.{REGION}.amazonaws.com", api)


def rest_api(path: str) -> FrontEnd:
    """A REST API (payload format 1.0) with the stage that SAM makes."""
    api = Api(path=path, stage="Prod", region=REGION, account_id=ACCOUNT, api_id="f6g7h8i9j0")
    host = f"{api.api_id}.execute-api.{REGION}.amazonaws.com"
    return FrontEnd("rest-api", KINDS["rest"], host, api, base="/Prod")


def function_url(path: str) -> FrontEnd:
    """A function URL without IAM authorization: its callers are nobody's."""
    url_id = "abcdefghijklmnopqrstuvwxyz012345"
    api = Api(path=path, region=REGION, account_id="anonymous", api_id=url_id)
    return FrontEnd("function-url", KINDS["function-url"], f"{url_id}.lambda-url.{REGION}.on.aws", api)


def alb(path: str, *, multi_value: bool = False) -> FrontEnd:
    """An Application Load Balancer, its target group with or without multi-value headers."""
    api = Api(
        path=path, region=REGION, account_id=ACCOUNT, api_id="lambent-orders", multi_value_headers=multi_value
    )
    name = "alb-multi-value" if multi_value else "alb"
    return FrontEnd(name, KINDS["alb"], "mcp.shop.example", api)
