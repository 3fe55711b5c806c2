"""The paths of the discovery documents. ``wire.discovery_documents``, which makes them, imports more."""

CARD_SUFFIX = "/server-card"
"""Appended to the URL of the endpoint: the location that the extension reserves."""

REGISTRY_SUFFIX = "/server.json"

WELL_KNOWN = "/.well-known/"
AI_CATALOG = f"{WELL_KNOWN}ai-catalog.json"
API_CATALOG = f"{WELL_KNOWN}api-catalog"
OLDER_CARDS = (f"{WELL_KNOWN}mcp/server-card.json", f"{WELL_KNOWN}mcp.json")
SKILLS = f"{WELL_KNOWN}agent-skills"
SKILLS_INDEX = f"{SKILLS}/index.json"

METADATA_PATH = f"{WELL_KNOWN}oauth-protected-resource"
"""Of protected resource metadata (RFC 9728, section 3)."""

SERVER_METADATA_PATHS = (f"{WELL_KNOWN}oauth-authorization-server", f"{WELL_KNOWN}openid-configuration")
"""Of the metadata of an authorization server (RFC 8414, section 3.1; OpenID Connect Discovery, section 4)."""
