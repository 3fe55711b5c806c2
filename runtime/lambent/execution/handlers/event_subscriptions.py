"""``events/subscribe`` and ``events/unsubscribe`` (SEP-3415)."""

from __future__ import annotations

from lambent.auth.principal import Principal
from lambent.execution.call import Call
from lambent.execution.events.callback_urls import check_callback_url
from lambent.execution.events.subscriptions import Subscriptions
from lambent.execution.handlers.events import check_allowed, find_event
from lambent.wire.events import (
    ForbiddenError,
    SubscribeEventsParams,
    SubscribeEventsResult,
    UnsubscribeEventsParams,
    UnsupportedError,
    read_params,
)
from lambent.wire.results import EmptyResult


def subscribe(call: Call) -> SubscribeEventsResult:
    """Have what happens delivered to an endpoint, or go on with that.

    Raises:
        ForbiddenError: nobody is identified, or the caller may not have this.
        NotFoundError: there is no such event type.
        UnsupportedError: it is not delivered so.
        HttpRefusal: the caller lacks scopes.
        InvalidParamsError: the arguments, the URL, the secret or the cursor does not fit.
        CallbackEndpointError: the endpoint could not be verified.
        ResourceExhaustedError: the caller has as many subscriptions as it may have.
    """
    params = read_params(SubscribeEventsParams, call.rpc.raw)
    principal = _identified(call)
    if params.delivery.mode != "webhook":
        raise UnsupportedError("deliveryMode", params.delivery.mode)
    event = find_event(call, params.name, "webhook")
    arguments = event.read_arguments(params.arguments)
    subscriptions = _subscriptions(call)
    check_callback_url(params.delivery.url, local=subscriptions.grants.local)
    check_allowed(call, event, arguments)
    return subscriptions.subscribe(event, arguments, params, principal)


def unsubscribe(call: Call) -> EmptyResult:
    """End a subscription.

    Raises:
        ForbiddenError: nobody is identified.
        NotFoundError: the caller has no such subscription.
    """
    params = read_params(UnsubscribeEventsParams, call.rpc.raw)
    principal = _identified(call)
    _subscriptions(call).unsubscribe(params.name, params.arguments, params.delivery.url, principal)
    return EmptyResult()


def _identified(call: Call) -> Principal:
    """Who is calling: otherwise anybody could end the subscriptions of others, whose keys can be guessed."""
    if call.principal is None:
        raise ForbiddenError("Authentication required")
    return call.principal


def _subscriptions(call: Call) -> Subscriptions:
    events = call.services.events
    assert events is not None and events.subscriptions is not None  # noqa: S101, PT018 - else not offered
    return events.subscriptions
