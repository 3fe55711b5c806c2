"""The server that clients of skills read: front matter of many kinds, a picture, names outside of ASCII."""

from pathlib import Path

from lambent import MCPServer

FOLDER = Path(__file__).parent / "skills"

mcp = MCPServer("skills", version="1.0.0", page_size=1)
mcp.skills(FOLDER)

handler = mcp.lambda_handler()
