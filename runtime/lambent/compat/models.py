"""Models of requests and results that servers derive their own from: those of ``mcp.types``, by pydantic.

Extensions and middleware use them; nothing else here needs pydantic.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


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
