"""``prompts/get`` (server/prompts)."""

from __future__ import annotations

import functools

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.execution.rounds.request_state import run_sealed
from lambent.features.codecs import ValidationError
from lambent.features.prompts import render
from lambent.wire.results import GetPromptResult, InputRequiredResult


def get_prompt(call: Call) -> GetPromptResult | InputRequiredResult:
    """Make a prompt's messages.

    Raises:
        InvalidParamsError: there is no such prompt, or its arguments do not fit.
    """
    params = call.rpc.params
    prompt = call.services.catalog.prompts.get(params.name)
    if prompt is None:
        raise InvalidParamsError(f"Unknown prompt: {params.name}")
    try:
        kwargs = prompt.signature.convert(params.arguments)
    except ValidationError as error:
        raise InvalidParamsError(f"Invalid arguments for prompt {params.name!r}: {error}") from None

    result: GetPromptResult | InputRequiredResult
    result = run_sealed(prompt.signature, kwargs, call, functools.partial(render, prompt.definition))
    return result
