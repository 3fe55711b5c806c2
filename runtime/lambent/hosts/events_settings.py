"""The settings of events that are delivered to endpoints: ``LAMBENT_EVENTS_…``."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from lambent.errors import ConfigurationError

_PREFIX = "LAMBENT_EVENTS_"
_MOST_SUBSCRIPTIONS = 1000
"""A principal's are in one item of the table."""


class EventSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How occurrences are delivered to the endpoints of subscriptions.

    Attributes:
        queue_url: the SQS queue that brings deliveries to workers.
        min_ttl: the shortest life of a subscription, in seconds.
        max_ttl: the longest one, which one gets that asks for nothing.
        no_expiry: a subscription may live until it is ended.
        max_subscriptions: how many a principal may have, 1 to 1000.
        allowed_callbacks: URLs below which endpoints need no verification.
        local_callbacks: endpoints may be on this machine, and over plain HTTP then: for development.

    Raises:
        ConfigurationError: a value cannot be used; the message names its variable.
    """

    queue_url: str | None = None
    min_ttl: float = 300.0
    max_ttl: float = 86_400.0
    no_expiry: bool = False
    max_subscriptions: int = 100
    allowed_callbacks: tuple[str, ...] = ()
    local_callbacks: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, or would let more through than it says."""
        if not 0 < self.min_ttl <= self.max_ttl:
            raise ConfigurationError(
                f"LAMBENT_EVENTS_MIN_TTL is {self.min_ttl:g} and LAMBENT_EVENTS_MAX_TTL is {self.max_ttl:g}: "
                "the shortest life of a subscription is more than 0 seconds, and at most the longest one"
            )
        if not 1 <= self.max_subscriptions <= _MOST_SUBSCRIPTIONS:
            raise ConfigurationError(
                f"LAMBENT_EVENTS_MAX_SUBSCRIPTIONS must be 1 to {_MOST_SUBSCRIPTIONS}, "
                f"not {self.max_subscriptions}"
            )
        for prefix in self.allowed_callbacks:
            scheme, _, rest = prefix.partition("://")
            schemes = ("https", "http") if self.local_callbacks else ("https",)
            if scheme not in schemes or not rest.partition("/")[0] or any(mark in rest for mark in "@?#"):
                raise ConfigurationError(
                    "LAMBENT_EVENTS_ALLOWED_CALLBACKS are URLs such as https://hooks.example.com/agents, "
                    f"not {prefix!r}"
                )


def read_events(environ: Mapping[str, str]) -> EventSettings:
    """Read these settings from variables.

    Raises:
        ConfigurationError: a variable cannot be read, or there is none of this name; the message names it.
    """
    known: set[str] = set()

    def text(name: str) -> str:
        known.add(_PREFIX + name)
        return environ.get(_PREFIX + name, "").strip()

    def number(name: str, default: float) -> float:
        value = text(name)
        try:
            found = float(value) if value else default
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise ConfigurationError(f"{_PREFIX}{name} must be a number, not {value!r}")
        return found

    def truth(name: str) -> bool:
        value = text(name).lower()
        if value not in ("", "true", "false", "1", "0"):
            raise ConfigurationError(f"{_PREFIX}{name} must be true or false, not {value!r}")
        return value in ("true", "1")

    most = text("MAX_SUBSCRIPTIONS") or "100"
    if not most.isdecimal():
        raise ConfigurationError(f"{_PREFIX}MAX_SUBSCRIPTIONS must be a number, not {most!r}")
    found = EventSettings(
        queue_url=text("QUEUE_URL") or None,
        min_ttl=number("MIN_TTL", 300.0),
        max_ttl=number("MAX_TTL", 86_400.0),
        no_expiry=truth("NO_EXPIRY"),
        max_subscriptions=int(most),
        allowed_callbacks=tuple(text("ALLOWED_CALLBACKS").replace(",", " ").split()),
        local_callbacks=truth("LOCAL_CALLBACKS"),
    )
    for name, value in environ.items():
        if value and name.startswith(_PREFIX) and name not in known:
            raise ConfigurationError(
                f"{name} is no setting: see docs/configuration.md for those of {_PREFIX}…"
            )
    if found.local_callbacks and "AWS_LAMBDA_RUNTIME_API" in environ and "AWS_ENDPOINT_URL" not in environ:
        # The emulators of AWS set the second one. In AWS itself, the runtime's own interface is on loopback.
        raise ConfigurationError(
            "LAMBENT_EVENTS_LOCAL_CALLBACKS is for development: in Lambda a client could name addresses of "
            "the execution environment itself"
        )
    return found
