"""The warehouse's REST service, and the same for models: an MCP endpoint beside its routes."""

import os
import secrets
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from mangum import Mangum
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from journals import MemoryJournal, SqliteJournal
from lambent import (
    CardDetails,
    CardHeader,
    Elicit,
    MCPServer,
    Resolve,
    ResourceNotFoundError,
    ToolAnnotations,
    ToolError,
)
from warehouse import Country, Parcel, Shelf, Shipment, Status, Warehouse

READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)


# Dependencies. FastAPI fills them in for endpoints, Lambent for tools: the same functions, the same aliases.


@cache
def warehouse() -> Warehouse:
    path = os.environ.get("SHIPPING_JOURNAL")
    journal = SqliteJournal(path) if path else MemoryJournal()
    return Warehouse.decode((Path(__file__).parent / "warehouse.json").read_bytes(), journal)


Desk = Annotated[Warehouse, Depends(warehouse), Resolve(warehouse)]


class NoShipmentError(ToolError):
    """There is nothing to ship for this order."""

    status = 404


class ShippedOtherwiseError(ToolError):
    """The order left in another parcel."""

    status = 409


def wanted(order_id: str, desk: Desk) -> Shipment:
    shipment = desk.get(order_id)
    if shipment is None:
        raise NoShipmentError(f"There is no shipment for order {order_id!r}; list those that are waiting.")
    return shipment


Wanted = Annotated[Shipment, Depends(wanted), Resolve(wanted)]


ENDPOINT = "/mcp"
PUBLIC = {f"{ENDPOINT}/server-card", f"{ENDPOINT}/server.json"}


async def staff(request: Request, x_api_key: Annotated[str | None, Header()] = None) -> None:
    """Guard every route with the key, if there is one; the card, which names it, is public.

    Where there is an issuer, the MCP endpoint asks for its tokens instead, and other routes are closed
    without a key.
    """
    path, has_issuer = request.scope["route"].path, bool(os.environ.get("LAMBENT_AUTH_ISSUER"))
    key = os.environ.get("BACKOFFICE_KEY", "")
    if path in PUBLIC or (path == ENDPOINT and has_issuer) or not (key or has_issuer):
        return
    if not key or not secrets.compare_digest(key.encode(), (x_api_key or "").encode()):
        raise HTTPException(401, "A valid X-API-Key is needed")


# FastAPI's own pages about the API would be public: those at the end of this module are guarded.
app = FastAPI(title="Back office", version="1.0.0", dependencies=[Depends(staff)], openapi_url=None)
mcp = MCPServer(
    "backoffice",
    version="1.0.0",
    title="Back office",
    instructions="See what is waiting with list_shipments; mark_as_shipped asks the user by itself.",
    card=CardDetails(
        headers=[CardHeader(name="X-API-Key", description="The key of the staff.", is_secret=True)]
    ),
)


# What both offer.


@app.get("/shipments", tags=["Shipments"])
@mcp.tool(title="List shipments", annotations=READ_ONLY)
def list_shipments(
    desk: Desk,
    status: Annotated[Status | None, Field(description="Only these; default: all.")] = None,
    country: Annotated[Country | None, Field(description="Where they go, such as DE.")] = None,
    limit: Annotated[int, Field(ge=1, le=100, description="How many at most.")] = 20,
) -> list[Shipment]:
    """Shipments, the most urgent first."""
    return desk.find(status, country)[:limit]


@app.get("/shipments/{order_id}", tags=["Shipments"])
@mcp.tool(title="Look up a shipment", annotations=READ_ONLY)
def get_shipment(order_id: str, shipment: Wanted) -> Shipment:
    """The shipment of one order."""
    return shipment


@app.get("/stock", tags=["Stock"])
@mcp.tool(title="Check the stock", annotations=READ_ONLY)
def check_stock(desk: Desk, short: bool = False) -> list[Shelf]:
    """What is on the shelves and how much of it is promised; `short`: only what does not suffice."""
    return [shelf for shelf in desk.stock() if shelf.missing or not short]


# What a person does over REST without further ado, a model does only once a person has agreed.


def ship(shipment: Shipment, parcel: Parcel, desk: Warehouse) -> Shipment:
    shipped = desk.ship(shipment.order_id, parcel)
    if shipped.parcel != parcel:
        raise ShippedOtherwiseError(f"Order {shipment.order_id} has been shipped already, in another parcel.")
    return shipped


@app.put("/shipments/{order_id}/parcel", tags=["Shipments"])
def put_parcel(parcel: Parcel, shipment: Wanted, desk: Desk) -> Shipment:
    """Mark a shipment as shipped."""
    return ship(shipment, parcel, desk)


class Agreement(BaseModel):
    """What the user is asked before a shipment is marked."""

    shipped: bool = Field(title="It has left", description="Nobody can take this back.")


def agree(shipment: Wanted, parcel: Parcel) -> Agreement | Elicit[Agreement]:
    if shipment.parcel is not None:
        return Agreement(shipped=True)  # there is nothing left to decide: it is told apart in `ship`
    return Elicit(f"Did order {shipment.order_id} leave with {parcel.carrier}, {parcel.tracking}?", Agreement)


@mcp.tool(
    title="Mark as shipped",
    annotations=ToolAnnotations(destructive_hint=True, idempotent_hint=True),
    # Set by the template where callers have tokens.
    scopes=os.environ.get("SHIPPING_SCOPE", "").split(),
)
def mark_as_shipped(
    order_id: str,
    parcel: Parcel,
    shipment: Wanted,
    agreement: Annotated[Agreement, Resolve(agree)],
    desk: Desk,
) -> Shipment:
    """Record that an order has left the warehouse, once the user has confirmed it."""
    if not agreement.shipped:
        raise ToolError("The user says that it has not left. Nothing was recorded.")
    return ship(shipment, parcel, desk)


@mcp.resource("shipments://{order_id}", title="Shipment", mime_type="application/json")
def shipment_resource(order_id: str, desk: Desk) -> Shipment:
    """The shipment of one order."""
    shipment = desk.get(order_id)
    if shipment is None:
        raise ResourceNotFoundError(f"shipments://{order_id}")
    return shipment


@app.exception_handler(ToolError)
async def refuse(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, getattr(error, "status", 400))


@app.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> JSONResponse:
    return JSONResponse({**app.openapi(), "servers": [{"url": request.scope["root_path"] or "/"}]})


@app.get("/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    return get_swagger_ui_html(openapi_url=f"{request.scope['root_path']}/openapi.json", title=app.title)


app.include_router(mcp.fastapi_router(ENDPOINT))
# Where several functions share an API, each has a part of its paths.
ROOT = os.environ.get("BACKOFFICE_ROOT", "")
# Who issues tokens is public, and is looked for at the root of the host: no POST gets through here.
METADATA = f"/.well-known/oauth-protected-resource{ROOT}{ENDPOINT}"
site = Starlette(routes=[Route(METADATA, mcp.asgi(), methods=["GET", "OPTIONS"]), Mount(ROOT, app)])
handler = Mangum(site, lifespan="off")
