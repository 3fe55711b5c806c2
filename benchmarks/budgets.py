"""The budgets of the design, and whether a run keeps them."""

# ruff: noqa: RUF001 - what people read has the multiplication sign and the en dash

from collections.abc import Callable
from typing import Any, NamedTuple

Results = dict[str, Any]


class Verdict(NamedTuple):
    """One budget, and whether it is met.

    Attributes:
        what: what is measured.
        group: the group of measurements that it belongs to.
        peer: whose figure it is.
        limit: the most that it may be, in words.
        measured: what it is.
        met: whether it is kept.
    """

    what: str
    group: str
    peer: str
    limit: str
    measured: str
    met: bool


def check_budgets(results: Results) -> list[Verdict]:
    """Check every budget whose measurements are there."""
    verdicts: list[Verdict] = []
    for group, rules in _RULES.items():
        if group in results:
            verdicts.extend(rule(results[group]) for rule in rules)
    return verdicts


def _absolute(
    what: str, group: str, peer: str, read: Callable[[Results, str], float], limit: float, unit: str
) -> Callable[[Results], Verdict]:
    def rule(found: Results) -> Verdict:
        value = read(found, peer)
        return Verdict(what, group, peer, f"{limit:g} {unit}", f"{value:.3g} {unit}", value <= limit)

    return rule


def _relative(
    what: str,
    group: str,
    peer: str,
    read: Callable[[Results, str], float],
    limit: float,
    other: str,
    words: str,
) -> Callable[[Results], Verdict]:
    def rule(found: Results) -> Verdict:
        ratio = read(found, peer) / read(found, other)
        return Verdict(what, group, peer, f"{limit:g} × {words}", f"{ratio:.3g} ×", ratio <= limit)

    return rule


def _start(found: Results, key: str) -> float:
    # What the processor worked: the same as the time that passed, unless something else had the machine.
    return float(found[key]["processor_ms"]["median"])


def _call(found: Results, key: str) -> float:
    return float(found["call"][key]["p50"])


def _resident(found: Results, key: str) -> float:
    return float(found[key]["called"]) / 1e6


def _zipped(found: Results, key: str) -> float:
    return float(found[key]["bytes"]) / 1e6


_PLAIN = ("import and build, plain types", "import", "lambent", _start)
_MODELS = ("import and build, pydantic models", "import", "lambent_models", _start)
_WARM = ("warm tools/call, p50", "warm", "lambent", _call)

_LEGACY = ("warm tools/call of a legacy client, p50", "warm", "lambent_legacy", _call)

_AUTHORIZED = ("warm tools/call with a token seen before, p50", "warm", "lambent_auth", _call)

_CONTEXT = ("warm tools/call of a tool with ctx, no question, p50", "warm", "lambent_ctx", _call)

_RULES: dict[str, list[Callable[[Results], Verdict]]] = {
    "import": [
        _absolute(*_PLAIN, 40, "ms"),
        _relative(*_PLAIN, 0.18, "awslabs", "awslabs"),
        _relative(*_PLAIN, 0.045, "sdk", "SDK behind Mangum"),
        _relative(*_MODELS, 0.7, "awslabs", "awslabs (its plain tools: it has no models)"),
        _relative(*_MODELS, 0.2, "sdk_models", "SDK"),
    ],
    "warm": [
        _relative(*_WARM, 1.6, "bare", "bare"),
        _relative(*_CONTEXT, 1.5, "lambent", "the call without ctx"),
        _relative(*_LEGACY, 1.2, "lambent", "the call of a modern client"),
        _relative(*_AUTHORIZED, 1.3, "lambent", "the call without authorization"),
        _relative(*_WARM, 1, "awslabs", "awslabs"),
        _relative(*_WARM, 0.02, "sdk", "SDK, def tools (as the budget was set)"),
        _relative(*_WARM, 0.02, "sdk_async", "SDK, async def tools (its best case)"),
    ],
    "memory": [_absolute("resident after 2,000 calls", "memory", "lambent", _resident, 16, "MB")],
    "size": [_absolute("artifact of a plain tool function, zipped", "size", "lambent", _zipped, 0.8, "MB")],
}
