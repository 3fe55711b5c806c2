"""Calls of mounted features: as the servers see them that have declared these features."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from lambent.execution.call import Call, Services
from lambent.execution.lifespan import Enter, Lifespan
from lambent.execution.middleware import chain
from lambent.execution.targets import target_of
from lambent.features.catalog import Catalog
from lambent.features.mounts import Home, Inner, prefixed_name

if TYPE_CHECKING:
    from lambent.execution.ports import Changes

T = TypeVar("T")
_Wrap = Callable[[Call, Callable[[Call], Any]], Any]


class SharedLifespan(Lifespan):
    """The lifespans of a server and of those mounted in it, entered in this order and left in reverse.

    Args:
        enter: of each server that has one, by the id of its catalog.
        own: the id of the catalog of the server whose value this one has.
    """

    def __init__(self, enter: Mapping[int, Enter], own: int) -> None:
        super().__init__(functools.partial(_enter_all, enter))
        self.own = own

    @classmethod
    def of(cls, enter: Mapping[int, Enter], catalog: Catalog) -> SharedLifespan | None:
        """Make one, unless no server has a lifespan."""
        return cls(enter, id(catalog)) if enter else None

    @property
    def value(self) -> Any:
        """What the server's own lifespan gave; an empty dict where it has none."""
        return self.values.get(self.own, {})

    @property
    def values(self) -> Mapping[int, Any]:
        """What each lifespan gave."""
        values: Mapping[int, Any] = super().value
        return values


class _LifespanView(Lifespan):
    """A shared lifespan as a mounted server sees it."""

    def __init__(self, shared: SharedLifespan, key: int) -> None:
        super().__init__(shared._enter)
        self._shared = shared
        self._key = key

    @property
    def value(self) -> Any:
        """What the server's own lifespan gave; an empty dict where it has none."""
        return self._shared.values.get(self._key, {})


@asynccontextmanager
async def _enter_all(enter: Mapping[int, Enter]) -> AsyncIterator[Mapping[int, Any]]:
    async with AsyncExitStack() as stack:
        yield {key: await stack.enter_async_context(one()) for key, one in enter.items()}


class _MountedChanges:
    """Publishes the URIs of a mounted server as clients know them."""

    def __init__(self, changes: Changes, home: Home) -> None:
        self._changes = changes
        self._home = home
        self.position = changes.position
        self.receive = changes.receive
        self.wait = changes.wait

    def publish(self, topic: str) -> Coroutine[Any, Any, None] | None:
        """See ``Changes``."""
        # Methods, which are topics too, have no scheme.
        return self._changes.publish(self._home.outward(topic))


def wrappers(catalog: Catalog, wraps_of: Callable[[Inner], Sequence[_Wrap]]) -> tuple[_Wrap, ...]:
    """What is around calls of mounted features and no others: nothing, or one middleware or observer.

    Args:
        catalog: what the outermost server declares.
        wraps_of: gives the middleware or the observers of a server.
    """
    homes = [home for signature in catalog.signatures for home in signature.homes]
    if not any(wraps_of(home.server) for home in homes):
        return ()
    return (functools.partial(_around, wraps_of),)


def _around(wraps_of: Callable[[Inner], Sequence[_Wrap]], call: Call, following: Callable[[Call], T]) -> T:
    target = target_of(call)
    return following(call) if target is None else _enter(wraps_of, target.signature.homes, call, following)


def _enter(
    wraps_of: Callable[[Inner], Sequence[_Wrap]],
    homes: Sequence[Home],
    call: Call,
    following: Callable[[Call], T],
) -> T:
    """Pass a call on through the servers that its feature is inside of, outermost first."""
    if not homes:
        return following(call)
    view = inside(call, homes[0])

    def leave(inner: Call) -> T:
        return _enter(wraps_of, homes[1:], _outside(inner, view, call, homes[0]), following)

    wrapped: Callable[[Call], T] = chain(wraps_of(homes[0].server), leave)
    return wrapped(view)


def inside(call: Call, home: Home) -> Call:
    """A call as a mounted server sees it: with its own names, and with what it has declared."""
    params = call.rpc.params
    match call.method:
        case "tools/call" | "prompts/get":
            params = replace(params, name=home.name)
        case "completion/complete":
            renamed = {"name": home.name} if hasattr(params.ref, "name") else {"uri": home.name}
            params = replace(params, ref=replace(params.ref, **renamed))
        case _ if hasattr(params, "uri"):  # methods beyond the protocol's have no name of a feature
            params = replace(params, uri=home.inward(params.uri))
    return replace(beside(call, home), rpc=replace(call.rpc, params=params))


def beside(call: Call, home: Home) -> Call:
    """A call of another feature, within which one of a mounted server runs: its parameters stay."""
    key = id(home.server.catalog), home.prefixes
    services = call.services.views.get(key)
    if services is None:
        services = call.services.views[key] = _as_seen(call.services, home)
    return replace(call, services=services)


def _as_seen(services: Services, home: Home) -> Services:
    lifespan, changes, catalog = services.lifespan, services.changes, home.server.catalog
    return replace(
        services,
        catalog=catalog,
        lifespan=_LifespanView(lifespan, id(catalog)) if isinstance(lifespan, SharedLifespan) else None,
        changes=None if changes is None else _MountedChanges(changes, home),
        context=home.server.context,
        events=None if services.events is None else services.events.seen_as(_names_of_events(home)),
    )


def _names_of_events(home: Home) -> Mapping[str, str]:
    return {name: home.outward_name(name) for name in home.server.catalog.events}


def _outside(inner: Call, view: Call, call: Call, home: Home) -> Call:
    """What middleware of a mounted server has passed on, as the server around it sees it."""
    if inner is view:
        return call
    rpc = inner.rpc
    if rpc is view.rpc:
        rpc = call.rpc
    elif inner.name == view.name:
        original = {
            one: getattr(call.rpc.params, one)
            for one in ("name", "uri", "ref")
            if hasattr(call.rpc.params, one)
        }
        rpc = replace(rpc, params=replace(rpc.params, **original))
    elif inner.method in ("tools/call", "prompts/get"):
        name = rpc.params.name
        for prefix in reversed(home.prefixes):
            name = prefixed_name(prefix, name)
        rpc = replace(rpc, params=replace(rpc.params, name=name))
    elif hasattr(rpc.params, "uri"):
        rpc = replace(rpc, params=replace(rpc.params, uri=home.outward(rpc.params.uri)))
    return replace(inner, rpc=rpc, services=call.services)
