"""Skills: folders of instructions that agents load when they need them (SEP-2640, Agent Skills)."""

EXTENSION_ID = "io.modelcontextprotocol/skills"
"""The identifier of the extension."""

METHODS = ("skills/list", "skills/get", "resources/directory/read")
"""The methods of the extension."""

SCHEME = "skill://"
"""What the URIs of skills begin with."""
