"""Questions asked by hand, for peers that pass the request state on to the tool."""

import json

from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

_FORM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


def asking(context_type, questions):
    """Make a tool that asks one question after the other and keeps the answers in the request state.

    Args:
        context_type: the annotation of the parameter that takes the context.
        questions: how many.
    """

    async def ask(subject: str, ctx) -> str | InputRequiredResult:
        """Ask until everything is confirmed."""
        answers = json.loads(ctx.request_state) if ctx.request_state else []
        answers += [answer.content["ok"] for answer in (ctx.input_responses or {}).values()]
        if len(answers) == questions:
            return f"{subject}: {sum(answers)}"
        number = len(answers)
        question = ElicitRequestFormParams(message=f"Question {number}?", requested_schema=_FORM)
        return InputRequiredResult(
            input_requests={f"question-{number}": ElicitRequest(params=question)},
            request_state=json.dumps(answers),
        )

    ask.__annotations__["ctx"] = context_type
    return ask
