"""Questions of an ``InputRequiredResult`` as objects: those of ``mcp.types``, by pydantic."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import PlainSerializer

from lambent.compat.answers import CreateMessageResult, ElicitResult, ListRootsResult
from lambent.compat.models import MCPModel, RequestParams
from lambent.features.codecs import to_plain

Plain = Annotated[Any, PlainSerializer(to_plain)]
"""A value of this library, or of any other, as it is on the wire."""

ElicitRequestedSchema = dict[str, Any]
"""The JSON Schema of a form."""


class ElicitRequestFormParams(RequestParams):
    """The parameters of a question that is a form."""

    mode: Literal["form"] = "form"
    message: str
    requested_schema: ElicitRequestedSchema


class ElicitRequestURLParams(RequestParams):
    """The parameters of a question that sends the user to a page."""

    mode: Literal["url"] = "url"
    message: str
    url: str
    elicitation_id: str | None = None


ElicitRequestParams = ElicitRequestURLParams | ElicitRequestFormParams


class ElicitRequest(MCPModel):
    """A question to the user."""

    method: Literal["elicitation/create"] = "elicitation/create"
    params: ElicitRequestParams


class CreateMessageRequestParams(RequestParams):
    """The parameters of a question to the client's model."""

    messages: list[Plain]
    max_tokens: int
    system_prompt: str | None = None
    temperature: float | None = None
    stop_sequences: list[str] | None = None
    model_preferences: Plain = None
    include_context: str | None = None
    metadata: dict[str, Any] | None = None
    tools: list[Plain] | None = None
    tool_choice: Plain = None


class CreateMessageRequest(MCPModel):
    """A question to the client's model."""

    method: Literal["sampling/createMessage"] = "sampling/createMessage"
    params: CreateMessageRequestParams


class ListRootsRequest(MCPModel):
    """The question which folders the server may work on."""

    method: Literal["roots/list"] = "roots/list"
    params: RequestParams | None = None


CreateMessageResultWithTools = CreateMessageResult
InputRequest = CreateMessageRequest | ListRootsRequest | ElicitRequest
InputRequests = dict[str, InputRequest]
InputResponse = CreateMessageResult | ListRootsResult | ElicitResult
InputResponses = dict[str, InputResponse]
