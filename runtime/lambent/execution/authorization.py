"""Scopes: whether a caller has what its call needs (basic/authorization, "Scope Challenge Handling")."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from lambent.auth.challenges import InsufficientScopeError, unauthorized
from lambent.execution.targets import target_of

if TYPE_CHECKING:
    from lambent.execution.call import Call, Handler


def authorize(call: Call, following: Handler) -> Any:
    """Middleware that lets a call through if its caller has what the call needs.

    Raises:
        HttpRefusal: 403, or 401 where nobody is identified.
    """
    require(call, ())
    return following(call)


def require(call: Call, scopes: Iterable[str]) -> None:
    """Refuse a call whose caller lacks one of these scopes, or of those that its feature needs.

    On stdio there is no caller but the user of this machine, who may do everything.

    Raises:
        HttpRefusal: 403, or 401 where nobody is identified. It names all scopes that the call needs.
    """
    services, principal = call.services, call.principal
    if services.is_local:
        return
    guard = services.guard
    specific = (*_feature_scopes(call), *scopes)
    if principal is None and not specific:
        return  # what is open to everybody, where anonymous callers are let through
    base = () if guard is None else guard.base_scopes(principal)
    if principal is not None and principal.scopes.issuperset(base) and principal.scopes.issuperset(specific):
        return
    needed = dict.fromkeys([*base, *specific])
    if guard is not None:
        raise guard.forbid(call.request, principal, needed)
    if principal is None:
        raise unauthorized("This call needs credentials", None, needed)
    raise InsufficientScopeError(needed)


def permits(call: Call, scopes: Collection[str]) -> bool:
    """Whether the caller of a list may use a feature with these scopes."""
    if not scopes or call.services.is_local:
        return True
    return call.principal is not None and call.principal.scopes.issuperset(scopes)


def _feature_scopes(call: Call) -> Collection[str]:
    """The scopes of the feature that a call is for."""
    feature = target_of(call)
    return () if feature is None else feature.scopes
