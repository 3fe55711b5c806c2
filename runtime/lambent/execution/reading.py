"""Reading a resource of the same server from within a call: ``ctx.read_resource``."""

from __future__ import annotations

from collections.abc import Generator
from types import CoroutineType
from typing import Any

from lambent.errors import ResourceNotFoundError, Suspend
from lambent.execution.authorization import permits
from lambent.execution.call import Call
from lambent.execution.context import Context
from lambent.execution.handlers.resources import find_resource
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.pending import Pending
from lambent.features.resources import Contents, render


class Reading(Pending[list[Contents]]):
    """The contents of a resource, which is read when it is waited for.

    Its function gets a context of its own, in which it can do everything but ask the client.
    """

    __slots__ = ("_call", "_uri")

    def __init__(self, call: Call, uri: str) -> None:
        super().__init__(self._read)
        self._call = call
        self._uri = uri

    def __await__(self) -> Generator[Any, None, list[Contents]]:
        """See ``Pending``; a coroutine of the resource runs within that of the handler."""
        journal = Journal()
        value = self._begin(journal)
        if type(value) is CoroutineType:
            value = yield from self._watched(value, journal).__await__()
        return self._end(value, journal)

    def _read(self) -> list[Contents]:
        journal = Journal()
        value = self._begin(journal)
        if type(value) is CoroutineType:
            value = self._call.invocation.run(self._watched(value, journal))
        return self._end(value, journal)

    def _begin(self, journal: Journal) -> Any:
        """Call the function of the resource.

        Raises:
            ResourceNotFoundError: there is none of this URI, or the caller may not read it.
        """
        call = self._call
        call.invocation.check()
        resource, kwargs = find_resource(call.services.catalog, self._uri)
        if not permits(call, resource.scopes):
            raise ResourceNotFoundError(self._uri)
        signature = resource.signature
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
            return signature.function(**kwargs)
        except Suspend:
            return None  # ``_end`` says why

    async def _watched(self, coroutine: CoroutineType[Any, Any, Any], journal: Journal) -> Any:
        try:
            return await coroutine
        except Suspend:
            return None

    def _end(self, value: Any, journal: Journal) -> list[Contents]:
        if journal.asked or journal.suspended:
            raise RuntimeError(f"{self._uri} asks its client, so it cannot be read within another call")
        resource, _ = find_resource(self._call.services.catalog, self._uri)
        return render(resource, self._uri, value)
