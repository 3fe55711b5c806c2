"""Calls of Amazon Bedrock AgentCore Gateway, of which the function is a Lambda target.

The gateway is the MCP server that clients see. The event of a call is the arguments, and the client context
says which tool: ``target___tool``. What the function returns is JSON that the gateway hands on as the result.
https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-add-target-lambda.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambent.errors import MissingCapabilityError, ProtocolError
from lambent.hosts.aws_lambda.direct import custom_of, fitting, headers_of, read_message, request_of
from lambent.hosts.aws_lambda.events import Event
from lambent.hosts.aws_lambda.handler import LambdaHandler, LambdaInvocation
from lambent.wire.eras.modern import VERSION, VERSION_KEY
from lambent.wire.jsonrpc import MalformedMessage
from lambent.wire.values import CLIENT_CAPABILITIES_KEY

TOOL_KEY = "bedrockAgentCoreToolName"
MESSAGE_KEY = "bedrockAgentCoreMcpMessageId"
HEADERS_KEY = "bedrockAgentCorePropagatedHeaders"
"""In the client context: the headers that the target's ``allowedRequestHeaders`` names."""

_DELIMITER = "___"

_ASKS = (
    "This tool asks something of its caller (elicitation, sampling or roots), and a call through an "
    "AgentCore gateway cannot be asked: call the server itself"
)


class AgentCoreHandler(LambdaHandler):
    """A handler that takes the calls of a gateway too.

    The client context is looked at before the event. A model chooses the arguments, and could choose some
    that look like an HTTP request which an authorizer has let through.
    """

    def is_of_gateway(self, context: Any) -> bool:
        """See ``LambdaHandler.is_of_gateway``."""
        return is_call(context)

    def __call__(self, event: Event, context: Any) -> Any:
        """Answer a call of the gateway, or any event that ``LambdaHandler`` takes."""
        if self.is_of_gateway(context):
            return self._call(event, context, custom_of(context))
        return super().__call__(event, context)

    def _call(self, arguments: Any, context: Any, custom: Mapping[str, Any]) -> Any:
        """The value of a tool for the arguments, or an object with ``isError`` that says what went wrong.

        It does not raise: of an exception, the gateway tells its client nothing.
        """
        params = {
            "name": tool_of(str(custom[TOOL_KEY])),
            "arguments": arguments,
            "_meta": {VERSION_KEY: VERSION, CLIENT_CAPABILITIES_KEY: {}},
        }
        message = {
            "jsonrpc": "2.0",
            "id": str(custom.get(MESSAGE_KEY) or "agentcore"),
            "method": "tools/call",
            "params": params,
        }
        request = request_of(None, context, headers_of(_object(custom.get(HEADERS_KEY))))
        try:
            read = read_message(message)
            principal = self._endpoint.authenticate(request)
        except MalformedMessage as malformed:
            return _failed(malformed.error.message)
        except ProtocolError as refusal:
            return _failed(refusal.message)
        invocation = LambdaInvocation(context, self._run_coroutine)
        reply = self._endpoint.answer(read, request, invocation, principal)
        return value_of(fitting(reply, read, self._endpoint))


def is_call(context: Any) -> bool:
    """Whether the client context of an invocation says that a gateway has called a tool."""
    return TOOL_KEY in custom_of(context)


def tool_of(name: str) -> str:
    """The name of a tool without that of the target, which has no underscores."""
    _, delimiter, tool = name.partition(_DELIMITER)
    return tool if delimiter else name


def value_of(answer: Mapping[str, Any]) -> Any:
    """What the function returns for the answer to ``tools/call``.

    The structured result where there is one, as the output schema describes it, else the text of the only
    block, else an object with the content. Failures are results with ``isError``, as MCP has them.
    """
    if (error := answer.get("error")) is not None:
        asks = error["code"] == MissingCapabilityError.code
        return _failed(_ASKS if asks else error["message"])
    result = answer["result"]
    if result.get("resultType") == "input_required":
        return _failed(_ASKS)
    content = result["content"]
    if result.get("isError"):
        return {"isError": True, "content": content}
    if "structuredContent" in result:
        return result["structuredContent"]
    if len(content) == 1 and content[0]["type"] == "text":
        return content[0]["text"]
    return {"content": content}


def _failed(text: str) -> dict[str, Any]:
    return {"isError": True, "content": [{"type": "text", "text": text}]}


def _object(given: Any) -> Any:
    """What may be an object, or the JSON of one: a client context's values are text in some languages."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        return None
