"""Names of ``mcp.types``: ``import mcp.types as types`` becomes ``import lambent.compat.types as types``.

Each is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Tables of names: several stand in a line.
# fmt: off
# isort: off
if TYPE_CHECKING:
    from lambent.compat.answers import CreateMessageResult, ElicitResult, ListRootsResult
    from lambent.compat.mcp_errors import (
        CONNECTION_CLOSED, HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST,
        METHOD_NOT_FOUND, MISSING_REQUIRED_CLIENT_CAPABILITY, PARSE_ERROR, REQUEST_TIMEOUT,
        UNSUPPORTED_PROTOCOL_VERSION, URL_ELICITATION_REQUIRED, ErrorData,
    )
    from lambent.compat.models import (
        CallToolRequestParams, GetPromptRequestParams, PaginatedRequestParams, ReadResourceRequestParams,
        RequestParams, Result, SubscriptionFilter, SubscriptionsListenRequestParams,
    )
    from lambent.compat.questions import (
        CreateMessageRequest, CreateMessageRequestParams, CreateMessageResultWithTools, ElicitRequest,
        ElicitRequestFormParams, ElicitRequestParams, ElicitRequestURLParams, ElicitRequestedSchema,
        InputRequest, InputRequests, InputResponse, InputResponses, ListRootsRequest,
    )
    from lambent.wire.results import CallToolResult, InputRequiredResult

_MODULES = {
    "lambent.compat.answers": ("CreateMessageResult", "ElicitResult", "ListRootsResult"),
    "lambent.compat.mcp_errors": (
        "CONNECTION_CLOSED", "HEADER_MISMATCH", "INTERNAL_ERROR", "INVALID_PARAMS", "INVALID_REQUEST",
        "METHOD_NOT_FOUND", "MISSING_REQUIRED_CLIENT_CAPABILITY", "PARSE_ERROR", "REQUEST_TIMEOUT",
        "UNSUPPORTED_PROTOCOL_VERSION", "URL_ELICITATION_REQUIRED", "ErrorData",
    ),
    "lambent.compat.models": (
        "CallToolRequestParams", "GetPromptRequestParams", "PaginatedRequestParams",
        "ReadResourceRequestParams", "RequestParams", "Result", "SubscriptionFilter",
        "SubscriptionsListenRequestParams",
    ),
    "lambent.compat.questions": (
        "CreateMessageRequest", "CreateMessageRequestParams", "CreateMessageResultWithTools",
        "ElicitRequest", "ElicitRequestFormParams", "ElicitRequestParams", "ElicitRequestURLParams",
        "ElicitRequestedSchema", "InputRequest", "InputRequests", "InputResponse", "InputResponses",
        "ListRootsRequest",
    ),
    "lambent.wire.results": ("CallToolResult", "InputRequiredResult"),
}
"""The names by the module that has them."""

__all__ = [
    "CONNECTION_CLOSED", "HEADER_MISMATCH", "INTERNAL_ERROR", "INVALID_PARAMS", "INVALID_REQUEST",
    "METHOD_NOT_FOUND", "MISSING_REQUIRED_CLIENT_CAPABILITY", "PARSE_ERROR", "REQUEST_TIMEOUT",
    "UNSUPPORTED_PROTOCOL_VERSION", "URL_ELICITATION_REQUIRED", "CallToolRequestParams",
    "CallToolResult", "CreateMessageRequest", "CreateMessageRequestParams", "CreateMessageResult",
    "CreateMessageResultWithTools", "ElicitRequest", "ElicitRequestFormParams", "ElicitRequestParams",
    "ElicitRequestURLParams", "ElicitRequestedSchema", "ElicitResult", "ErrorData",
    "GetPromptRequestParams", "InputRequest", "InputRequests", "InputRequiredResult", "InputResponse",
    "InputResponses", "ListRootsRequest", "ListRootsResult", "PaginatedRequestParams",
    "ReadResourceRequestParams", "RequestParams", "Result", "SubscriptionFilter",
    "SubscriptionsListenRequestParams",
]
# fmt: on
# isort: on


def __getattr__(name: str) -> Any:
    import importlib

    for module, names in _MODULES.items():
        if name in names:
            found = globals()[name] = getattr(importlib.import_module(module), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
