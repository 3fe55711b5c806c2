"""Arguments and methods of ``FastMCP`` that cannot have an effect here, with what to write in their place."""

from __future__ import annotations

UNUSED = {
    "dereference_schemas": "schemas of tools have no references, unless they are recursive",
    "client_log_level": "a client gets the messages of the level that it asks for",
    "session_state_store": "ctx.set_state keeps values for one call",
    "tasks": "a tool with task=True may become a task",
    "experimental_capabilities": "clients are told of extensions=…",
    "include_fastmcp_meta": "tags are in _meta always",
    "resource_prefix_format": "a prefix is the first segment of a URI",
    "cache_expiration_seconds": "nothing is proxied",
}
"""Arguments that are taken without an effect, with the reason; docs/fastmcp.md has them."""

REMOVED = {
    "providers": "declare features on servers, and mount these",
    "transforms": "mount servers with namespace=… and tool_names=…, and use enable and disable",
    "tool_transformations": "declare other functions, or mount servers with tool_names=…",
    "sampling_handler": "ctx.sample(…) asks the client's model",
    "sampling_handler_behavior": "ctx.sample(…) asks the client's model",
    "strict_input_validation": "arguments are converted to their types, as models write them, everywhere",
}
"""Arguments that are refused unless they are empty."""

INSTEAD = {
    "add_extension": "give extensions=[…] to the constructor (docs/extensions.md)",
    "add_provider": "declare features on a server, and mount it",
    "add_transform": REMOVED["transforms"],
    "wrap_transform": REMOVED["transforms"],
    "as_proxy": "lambent serves features of this process only",
    "get_prompts": "write await mcp.list_prompts()",
    "get_resource_templates": "write await mcp.list_resource_templates()",
    "get_resources": "write await mcp.list_resources()",
    "get_tools": "write await mcp.list_tools()",
    "docket": "tasks are kept in a table and run by a worker (docs/tasks.md)",
}
"""Methods that are not there."""
