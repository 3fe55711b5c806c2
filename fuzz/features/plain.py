"""Plain tools: any value in, any value out, and every kind of failure."""

from typing import Annotated, Any, Literal

import msgspec

from fuzz.recorder import INTENDED_FAILURE, EffectRecorder
from lambent import Context, MCPServer, TextContent, ToolError, ToolResult


def add(mcp: MCPServer, recorder: EffectRecorder) -> None:
    """Declare them."""

    @mcp.tool(structured_output=True)
    def echo(value: Any = None) -> Any:
        return value

    @mcp.tool("add")
    def add_up(a: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)], b: Literal[1, 2, 3] = 1) -> int:
        return a + b

    @mcp.tool()
    def narrate(ctx: Context, steps: Annotated[int, msgspec.Meta(ge=0, le=5)] = 2) -> str:
        for step in range(steps):
            ctx.report_progress(step, steps, f"step {step}")
            ctx.info({"step": step})
            ctx.error("still here", logger_name="narrator")
        return f"{ctx.request_id} {sorted(ctx.meta)[:3]}"

    @mcp.tool()
    def refuse(reason: str = "no") -> str:
        raise ToolError(f"refused: {reason}")

    @mcp.tool()
    def ready(mark: str = "") -> ToolResult:
        return ToolResult(
            content=[TextContent(text=mark)], structured_content={"m": mark}, meta={"a/b": mark}
        )

    @mcp.tool()
    def broken() -> str:
        recorder.fail()

    @mcp.tool()
    async def leaving() -> str:
        recorder.current.is_intended_failure = True
        raise SystemExit(INTENDED_FAILURE)
