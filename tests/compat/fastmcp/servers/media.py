"""Images, sounds and files."""

from lambent.compat.fastmcp import Audio, FastMCP, File, Image

mcp = FastMCP("media")


@mcp.tool
def image() -> Image:
    return Image(data=b"png")


@mcp.tool
def jpeg() -> Image:
    return Image(data=b"jpg", format="jpg")


@mcp.tool
def sound() -> Audio:
    return Audio(data=b"wav", format="mp3")


@mcp.tool
def file() -> File:
    return File(data=b"%PDF", format="pdf", name="paper")


@mcp.tool
def text_file() -> File:
    return File(data=b"words", format="txt")


@mcp.tool
def several() -> list:  # type: ignore[type-arg]
    return ["look", Image(data=b"png"), {"a": 1}]


NAMES = ("image", "jpeg", "sound", "file", "text_file", "several")
REQUESTS = [("tools/list", {}), *[("tools/call", {"name": name, "arguments": {}}) for name in NAMES]]
