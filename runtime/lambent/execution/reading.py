"""Features of the same server within a call, such as the resources that ``ctx.read_resource`` reads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from types import CoroutineType
from typing import Any, TypeVar

from lambent.errors import ResourceNotFoundError, Suspend
from lambent.execution.authorization import permits
from lambent.execution.call import Call
from lambent.execution.context import Context
from lambent.execution.handlers.resources import find_resource
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.pending import Pending
from lambent.features.resources import Contents, Resource, render
from lambent.features.signature import Signature

T = TypeVar("T")

Found = tuple[Signature, dict[str, Any], Callable[[Any], T]]


class Within(Pending[T]):
    """What a feature of the same server gives, whose function is called when this is waited for.

    The function gets a context of its own, in which it can do everything but ask the client.

    Args:
        call: that runs.
        name: of the feature, for errors.
        find: gives the signature of the feature, the arguments of its function, and what makes the value of
            what the function has returned.
    """

    __slots__ = ("_call", "_find", "_name")

    def __init__(self, call: Call, name: str, find: Callable[[], Found[T]]) -> None:
        super().__init__(self._run)
        self._call = call
        self._name = name
        self._find = find

    def __await__(self) -> Generator[Any, None, T]:
        """See ``Pending``; a coroutine of the feature runs within that of the handler."""
        journal = Journal()
        value, render = self._begin(journal)
        if type(value) is CoroutineType:
            value = yield from self._watched(value).__await__()
        return self._end(value, render, journal)

    def _run(self) -> T:
        journal = Journal()
        value, render = self._begin(journal)
        if type(value) is CoroutineType:
            value = self._call.invocation.run(self._watched(value))
        return self._end(value, render, journal)

    def _begin(self, journal: Journal) -> tuple[Any, Callable[[Any], T]]:
        """Call the function."""
        call = self._call
        call.invocation.check()
        signature, kwargs, render = self._find()
        if signature.homes:
            from lambent.execution.mounting import beside  # loaded where servers are mounted

            call = beside(call, signature.homes[-1])
        context = (call.services.context or Context)(call, journal)
        try:
            if signature.plan is not None:
                from lambent.execution.rounds.resolving import resolve  # loaded where there are resolvers

                kwargs = kwargs | resolve(signature.plan, kwargs, context, call, journal)
            if signature.context is not None:
                kwargs = {**kwargs, signature.context: context}
            return signature.function(**kwargs), render
        except Suspend:
            return None, render  # ``_end`` says why

    async def _watched(self, coroutine: CoroutineType[Any, Any, Any]) -> Any:
        try:
            return await coroutine
        except Suspend:
            return None

    def _end(self, value: Any, render: Callable[[Any], T], journal: Journal) -> T:
        if journal.asked or journal.suspended:
            raise RuntimeError(f"{self._name} asks its client, so it cannot be used within another call")
        return render(value)


def find_permitted(call: Call, uri: str) -> tuple[Resource, dict[str, Any]]:
    """The resource that a URI is of, and the arguments of its function.

    Raises:
        ResourceNotFoundError: there is none, or the caller may not read it.
    """
    resource, kwargs = find_resource(call.services.catalog, uri)
    if not permits(call, resource.scopes):
        raise ResourceNotFoundError(uri)
    return resource, kwargs


def read_resource(call: Call, uri: str) -> Pending[list[Contents]]:
    """The contents of a resource; see ``Within``.

    Raises:
        ResourceNotFoundError: when it is waited for: see ``find_permitted``.
    """

    def find() -> Found[list[Contents]]:
        resource, kwargs = find_permitted(call, uri)
        return resource.signature, kwargs, functools.partial(render, resource, uri)

    return Within(call, uri, find)
