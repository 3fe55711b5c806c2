"""What became of an example."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.porting.comparing import Difference, differences
from tests.porting.rules import Rule, rule_of

Json = dict[str, Any]
SAME = "same"
DOCUMENTED = "documented difference"
REFUSED = "refused"
DIFFERS = "differs"
FAILS = "fails"
CLASSES = (SAME, DOCUMENTED, REFUSED, DIFFERS, FAILS)
"""Refused is what fails with an error that names what is missing."""


@dataclass(frozen=True)
class Result:
    """What became of an example.

    Attributes:
        name: its path.
        kind: one of `CLASSES`.
        topics: the rows of the documentation that explain what differs.
        reason: what is missing, or the first difference.
        differences: those that no row explains.
    """

    name: str
    kind: str
    topics: tuple[str, ...] = ()
    reason: str = ""
    differences: tuple[Difference, ...] = field(default=())


def classify(name: str, original: Json, again: Json, ported: Json, left: list[str]) -> Result:
    """Compare an example with its port.

    Args:
        original: what was found in it.
        again: the same of another run.
        ported: the same of the port.
        left: what could not move.
    """
    if "failure" in original:
        return Result(name, FAILS, reason=f"the original fails: {_told(original)}")
    if left:
        return Result(name, REFUSED, reason="; ".join(left))
    if "failure" in ported:
        return Result(name, _kind_of_failure(ported), reason=_told(ported))
    topics: dict[str, None] = {}
    unexplained: list[Difference] = []
    for one, second, other in zip(original["targets"], again["targets"], ported["targets"], strict=False):
        if "failure" in one:
            return Result(name, FAILS, reason=f"the original fails: {_told(one)}")
        if "failure" in other:
            return Result(name, _kind_of_failure(other), reason=_told(other))
        cause: Rule | None = None
        for difference in differences(one, second, other):
            rule = rule_of(difference) or cause
            if rule is not None and rule.has_consequences:
                cause = rule
            if rule is None:
                unexplained.append(difference)
            elif not rule.is_everywhere:
                topics[rule.topic] = None
    if not unexplained:
        return Result(name, DOCUMENTED if topics else SAME, tuple(topics))
    return Result(name, DIFFERS, tuple(topics), str(unexplained[0]), tuple(unexplained))


def _told(found: Json) -> str:
    failure = found["failure"]
    return f"{failure['type']}: {failure['message']} ({', '.join(failure['where'])})"


def _kind_of_failure(found: Json) -> str:
    return REFUSED if "docs/porting.md" in found["failure"]["message"] else FAILS


def counts(results: Sequence[Result]) -> Iterator[tuple[str, int]]:
    """How many there are of each class."""
    for kind in CLASSES:
        yield kind, sum(one.kind == kind for one in results)
