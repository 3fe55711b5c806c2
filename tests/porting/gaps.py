"""What is missing, by how many examples it hits."""

import json
import re
from collections.abc import Iterator, Sequence

from tests.porting.classes import DOCUMENTED, SAME, Result
from tests.porting.comparing import Difference

_EXAMPLES = 4


def gaps(results: Sequence[Result]) -> Iterator[str]:
    """A list of what does not go the same way, the most frequent first, in Markdown."""
    hit: dict[str, dict[str, str]] = {}
    for one in results:
        if one.kind in (SAME, DOCUMENTED):
            continue
        if not one.differences:
            for reason in one.reason.split("; "):
                hit.setdefault(re.sub(r" \(.*?\)$", "", reason), {})[one.name] = one.reason
        for difference in one.differences:
            hit.setdefault(_kind(difference), {}).setdefault(one.name, str(difference))
    for kind, examples in sorted(hit.items(), key=lambda item: -len(item[1])):
        yield f"- **{len(examples)}**: {kind}"
        for name, example in list(examples.items())[:_EXAMPLES]:
            yield f"  - {name}: `{example}`"


def _kind(difference: Difference) -> str:
    place = re.sub(r"\.\d+(?=\.|$)", ".*", difference.place)
    place = re.sub(r"(properties|\$defs)\.[^.]+", r"\1.*", place)
    method = difference.request.get("method", "GET")
    return f"{method} {place}: {_shape(difference.original)} becomes {_shape(difference.ported)}"


def _shape(value: object) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(value)}}}"
    if isinstance(value, list):
        return f"list of {len(value)}"
    text = json.dumps(value)
    return text if len(text) < 40 else f"{type(value).__name__}"
