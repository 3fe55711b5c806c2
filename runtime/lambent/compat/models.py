"""Models of ``mcp.types`` by pydantic: what servers derive their own from, ask by, and notify with.

Nothing else here needs pydantic.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, RootModel
from pydantic.alias_generators import to_camel

from lambent.compat.answers import CreateMessageResult, ElicitResult, ListRootsResult
from lambent.features.codecs import to_plain
from lambent.wire.values import LogLevel


class MCPModel(BaseModel):
    """A part of a message: members have the names of the wire, attributes those of Python."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class RequestParams(MCPModel):
    """The parameters of a request."""

    meta: dict[str, Any] | None = Field(alias="_meta", default=None)


class PaginatedRequestParams(RequestParams):
    """Those of the methods that list."""

    cursor: str | None = None


class InputResponseRequestParams(RequestParams):
    """Those of the methods that may be answered with questions."""

    input_responses: dict[str, Any] | None = None
    request_state: str | None = None


class CallToolRequestParams(InputResponseRequestParams):
    """Those of ``tools/call``."""

    name: str
    arguments: dict[str, Any] | None = None


class ReadResourceRequestParams(InputResponseRequestParams):
    """Those of ``resources/read``."""

    uri: str


class GetPromptRequestParams(InputResponseRequestParams):
    """Those of ``prompts/get``."""

    name: str
    arguments: dict[str, str] | None = None


class SubscriptionFilter(MCPModel):
    """What a subscription wants to be told of; members of extensions are kept."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")

    tools_list_changed: bool | None = None
    prompts_list_changed: bool | None = None
    resources_list_changed: bool | None = None
    resource_subscriptions: list[str] | None = None


class SubscriptionsListenRequestParams(RequestParams):
    """Those of ``subscriptions/listen``."""

    notifications: SubscriptionFilter


class Result(MCPModel):
    """A result."""

    meta: dict[str, Any] | None = Field(alias="_meta", default=None)


class NotificationParams(MCPModel):
    """The parameters of a notification."""

    meta: dict[str, Any] | None = Field(alias="_meta", default=None)


class LoggingMessageNotificationParams(NotificationParams):
    """Those of ``notifications/message``."""

    level: LogLevel
    logger: str | None = None
    data: Any


class LoggingMessageNotification(MCPModel):
    """A log message."""

    method: Literal["notifications/message"] = "notifications/message"
    params: LoggingMessageNotificationParams


class ProgressNotificationParams(NotificationParams):
    """Those of ``notifications/progress``."""

    progress_token: str | int
    progress: float
    total: float | None = None
    message: str | None = None


class ProgressNotification(MCPModel):
    """How far a call has come."""

    method: Literal["notifications/progress"] = "notifications/progress"
    params: ProgressNotificationParams


class ServerNotification(RootModel[LoggingMessageNotification | ProgressNotification]):
    """What version 1.x wraps notifications in."""


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
