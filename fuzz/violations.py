"""The exception that says which rule a response breaks."""

from collections.abc import Callable


class Violation(AssertionError):  # noqa: N818 - says what it is
    """A response breaks a rule.

    Args:
        rule: the rule's short name: findings with the same one are the same.
        detail: what was found.
    """

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.kind = f"{rule}: {detail.partition(':')[0]}" if rule in ("failure", "raised") else rule


def require(condition: object, rule: str, detail: Callable[[], str] | str = "") -> None:
    """Raise ``Violation`` unless a condition holds."""
    if not condition:
        raise Violation(rule, detail if isinstance(detail, str) else detail())
