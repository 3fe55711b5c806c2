"""Resources, templates, prompts and a completion."""

import datetime
from contextlib import suppress
from typing import Any, Literal

from fuzz.features.questions import Consent, Size
from fuzz.recorder import EffectRecorder
from lambent import (
    Completion,
    CompletionArgument,
    CompletionContext,
    Context,
    MCPServer,
    PromptReference,
    ResourceTemplateReference,
    UserMessage,
)


def add(mcp: MCPServer, recorder: EffectRecorder) -> None:
    """Declare them."""
    _add_resources(mcp, recorder)
    _add_templates(mcp, recorder)
    _add_prompts(mcp, recorder)


def _add_resources(mcp: MCPServer, recorder: EffectRecorder) -> None:
    @mcp.resource("static://readme", mime_type="text/markdown")
    def readme() -> str:
        return "# Read me"

    @mcp.resource("static://logo", mime_type="image/png")
    def logo() -> bytes:
        return b"\x89PNG\r\n\x1a\n"

    @mcp.resource("static://config")
    async def config() -> dict[str, Any]:
        return {"a": [1, None, True]}

    @mcp.resource("static://broken")
    def broken() -> str:
        recorder.fail()


def _add_templates(mcp: MCPServer, recorder: EffectRecorder) -> None:
    @mcp.resource("orders://{order_id}")
    def an_order(order_id: str) -> str:
        return order_id

    @mcp.resource("orders://{order_id}/lines{?page,size,tag*}")
    def lines(order_id: str, page: int = 1, size: int = 10, tag: list[str] = []) -> list[Any]:  # noqa: B006
        return [order_id, page, size, tag]

    @mcp.resource("files://host/{+path}")
    def a_file(path: str) -> str:
        return path

    @mcp.resource("tags://host{/names*}{#part}")
    def tags(names: list[str], part: str = "") -> list[str]:
        return [*names, part]

    @mcp.resource("dates://{year}-{month}-{day}{.kind}")
    def a_date(year: str, month: str, day: str, kind: str = "") -> list[str]:
        return [year, month, day, kind]

    @mcp.resource("pairs://{a},{b}{;c,d}")
    def pairs(a: str, b: str, c: str = "", d: str = "") -> list[str]:
        return [a, b, c, d]

    @mcp.resource("wide://{+a}-{+b}-{+c}.txt")
    def wide(a: str, b: str, c: str) -> list[str]:
        return [a, b, c]

    @mcp.resource("math://{number}")
    def math(number: int, ctx: Context) -> list[Any]:
        return [str(number)[:10], len(ctx.headers), len(ctx.meta)]

    @mcp.resource("vault://{box}")
    def vault(box: str, ctx: Context) -> str:
        opened = ctx.step("open", recorder.effect, "vault/open").result()
        answer = ctx.elicit("Take what?", Size, key="size").result()
        return f"{opened} {answer.action} " + ctx.step("take", recorder.effect, "vault/take").result()


def _add_prompts(mcp: MCPServer, recorder: EffectRecorder) -> None:
    @mcp.prompt()
    def greet(name: str, style: Literal["plain", "warm"] = "plain") -> str:
        return f"{style}: {name}"

    @mcp.prompt()
    async def count(number: int, day: datetime.date | None = None) -> list[Any]:
        return ["count", UserMessage(str(number)[:20]), str(day)]

    @mcp.prompt()
    def interview(topic: str, ctx: Context) -> str:
        noted = ctx.step("note", recorder.effect, "interview/note").result()
        answer = ctx.elicit(f"Agreed to talk about {topic[:20]}?", Consent, key="consent").result()
        return f"{noted} {answer.action} " + ctx.step("file", recorder.effect, "interview/file").result()

    @mcp.prompt()
    def broken() -> str:
        recorder.fail()

    @mcp.completion()
    def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | list[str] | None:
        if argument.value == "broken":
            recorder.fail()
        if not argument.value:
            return None
        known = context.arguments if context is not None else {}
        with suppress(ValueError):
            return Completion(
                values=[argument.value[:50]] * min(int(argument.value[:3]), 150), total=len(known)
            )
        return [argument.value[:50]]
