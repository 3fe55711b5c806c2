"""``prompts/get`` (server/prompts)."""

from __future__ import annotations

from msgspec import UNSET

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.execution.run import Target, run
from lambent.features.codecs import ValidationError
from lambent.features.prompts import render
from lambent.wire.results import GetPromptResult, InputRequiredResult


def get_prompt(call: Call) -> GetPromptResult | InputRequiredResult:
    """Make a prompt's messages.

    Raises:
        InvalidParamsError: there is no such prompt, or its arguments do not fit.
    """
    params = call.request.params
    prompt = call.services.catalog.prompts.get(params.name)
    if prompt is None:
        raise InvalidParamsError(f"Unknown prompt: {params.name}")
    try:
        kwargs = prompt.arguments.convert(params.arguments)
    except ValidationError as error:
        raise InvalidParamsError(f"Invalid arguments for prompt {prompt.name!r}: {error}") from None
    value = run(prompt, Target(prompt.name, params.arguments), kwargs, call)
    if isinstance(value, InputRequiredResult):
        return value
    return GetPromptResult(description=prompt.definition.description or UNSET, messages=render(value))
