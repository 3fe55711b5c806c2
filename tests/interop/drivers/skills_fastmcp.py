"""Reads every skill of a server with FastMCP's client, which verifies sizes, digests and front matter."""

import asyncio
import base64
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.skills import SkillsClientExtension


async def read_all(url: str) -> dict[str, Any]:
    async with Client(url, extensions=[SkillsClientExtension()]) as client:
        found = {}
        for entry in await client.list_skills():
            skill = await client.read_skill(entry.uri)
            files = {path: base64.b64encode(content).decode() for path, content in skill.files.items()}
            found[entry.uri] = {"frontmatter": skill.frontmatter.root, "files": files}
        return found


if __name__ == "__main__":
    json.dump(asyncio.run(read_all(sys.argv[1])), sys.stdout)
