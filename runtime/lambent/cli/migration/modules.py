"""The modules of the official SDK and of FastMCP, as far as servers import from them."""

from __future__ import annotations

from typing import Final

CLIENT_MODULES: Final = ("mcp.client", "mcp.cli", "mcp.os", "fastmcp.client", "fastmcp.cli")
"""What clients use, and the command lines."""

CLIENT_NAMES: Final = frozenset(
    {
        "Client", "ClientSession", "ClientSessionGroup", "InMemoryTransport", "StdioServerParameters",
        "create_connected_server_and_client_session", "create_mcp_http_client", "stdio_client",
    }
)  # fmt: skip
"""Names of clients that other modules have as well."""

_OFFICIAL: Final = """
mcp.server mcp.server.apps mcp.server.auth mcp.server.auth.errors mcp.server.auth.handlers
mcp.server.auth.middleware mcp.server.auth.middleware.auth_context mcp.server.auth.middleware.bearer_auth
mcp.server.auth.middleware.client_auth mcp.server.auth.provider mcp.server.auth.routes
mcp.server.auth.settings mcp.server.caching mcp.server.connection mcp.server.context
mcp.server.elicitation mcp.server.extension mcp.server.fastmcp mcp.server.fastmcp.exceptions
mcp.server.fastmcp.prompts mcp.server.fastmcp.prompts.base mcp.server.fastmcp.prompts.manager
mcp.server.fastmcp.resources mcp.server.fastmcp.resources.base mcp.server.fastmcp.resources.types
mcp.server.fastmcp.server mcp.server.fastmcp.tools mcp.server.fastmcp.tools.base
mcp.server.fastmcp.utilities mcp.server.fastmcp.utilities.func_metadata
mcp.server.fastmcp.utilities.logging mcp.server.fastmcp.utilities.types mcp.server.lowlevel
mcp.server.lowlevel.helper_types mcp.server.lowlevel.server mcp.server.mcpserver
mcp.server.mcpserver.context mcp.server.mcpserver.exceptions mcp.server.mcpserver.prompts
mcp.server.mcpserver.prompts.base mcp.server.mcpserver.resolve mcp.server.mcpserver.resources
mcp.server.mcpserver.resources.base mcp.server.mcpserver.resources.types mcp.server.mcpserver.server
mcp.server.mcpserver.tools mcp.server.mcpserver.tools.base mcp.server.mcpserver.utilities
mcp.server.mcpserver.utilities.logging mcp.server.mcpserver.utilities.types mcp.server.models
mcp.server.request_state mcp.server.session mcp.server.sse mcp.server.stdio mcp.server.streamable_http
mcp.server.streamable_http_manager mcp.server.subscriptions mcp.server.transport_security
mcp.server.validation mcp.shared mcp.shared.auth mcp.shared.context mcp.shared.exceptions
mcp.shared.inbound mcp.shared.memory mcp.shared.metadata_utils mcp.shared.path_security
mcp.shared.progress mcp.shared.session mcp.shared.uri_template mcp.shared.version mcp.types
mcp.types.jsonrpc mcp.types.version
"""

_FASTMCP: Final = """
fastmcp.exceptions fastmcp.prompts fastmcp.prompts.prompt fastmcp.resources fastmcp.resources.resource
fastmcp.resources.template fastmcp.resources.types fastmcp.server fastmcp.server.auth
fastmcp.server.context fastmcp.server.dependencies fastmcp.server.middleware fastmcp.server.openapi
fastmcp.server.server fastmcp.tools fastmcp.tools.tool fastmcp.utilities
fastmcp.utilities.logging fastmcp.utilities.types
"""

MODULES: Final = frozenset((_OFFICIAL + _FASTMCP).split())
"""What a dotted path names a module in, as ``base`` in ``from mcp.server.mcpserver.prompts import base``."""
