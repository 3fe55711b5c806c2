"""Results of tools, for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from lambent.cli.client.text import one_line, printable


def print_result(result: Mapping[str, Any], stdout: BinaryIO) -> None:
    """Print the content of a result; the structured content where there is no other.

    Args:
        result: Of a tool.
        stdout: Where to print it.
    """
    blocks = [block for block in result.get("content") or () if isinstance(block, dict)]
    lines = [_block(block) for block in blocks]
    if not lines and "structuredContent" in result:
        lines = [json.dumps(result["structuredContent"], indent=2)]
    stdout.writelines(line.encode(errors="backslashreplace") + b"\n" for line in lines)
    stdout.flush()


def _block(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    if kind == "text":
        return printable(block.get("text", ""))
    if kind in ("image", "audio"):
        return f"[{kind}: {one_line(block.get('mimeType'))}, {_bytes(block.get('data'))}; see --json]"
    if kind == "resource_link":
        return f"{one_line(block.get('title') or block.get('name'))}: {one_line(block.get('uri'))}"
    resource = block.get("resource")
    if kind == "resource" and isinstance(resource, dict):
        if "text" in resource:
            return printable(resource["text"])
        return f"[{one_line(resource.get('uri'))}: {_bytes(resource.get('blob'))}; see --json]"
    return f"[{one_line(kind)}; see --json]"


def _bytes(data: Any) -> str:
    return f"{len(data) * 3 // 4} bytes" if isinstance(data, str) else "no data"
