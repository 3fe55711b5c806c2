"""``completion/complete`` (server/utilities/completion)."""

from __future__ import annotations

from types import CoroutineType

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call
from lambent.features.catalog import Catalog
from lambent.features.completion import render
from lambent.wire.results import CompleteResult
from lambent.wire.values import PromptReference, ResourceTemplateReference


def complete(call: Call) -> CompleteResult:
    """Suggest values for an argument.

    Raises:
        InvalidParamsError: the prompt, the template or its argument does not exist.
    """
    catalog = call.services.catalog
    completer = catalog.completer
    assert completer is not None  # noqa: S101 - without a completer the method is not offered
    params = call.rpc.params
    if params.argument.name not in _arguments(catalog, params.ref):
        raise InvalidParamsError(f"Unknown argument: {params.argument.name}")
    value = completer(params.ref, params.argument, params.context)
    if type(value) is CoroutineType:
        value = call.invocation.finish(value)
    return CompleteResult(completion=render(value))


def _arguments(catalog: Catalog, ref: PromptReference | ResourceTemplateReference) -> set[str]:
    if isinstance(ref, PromptReference):
        prompt = catalog.prompts.get(ref.name)
        if prompt is None:
            raise InvalidParamsError(f"Unknown prompt: {ref.name}")
        return {argument.name for argument in prompt.definition.arguments or ()}
    for resource in catalog.templates:
        if resource.template is not None and ref.uri == resource.uri:
            return set(resource.template.variables)
    raise InvalidParamsError(f"Unknown resource template: {ref.uri}")
