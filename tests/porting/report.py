"""The table of docs/porting.md."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.porting.classes import CLASSES, REFUSED, Result
from tests.porting.public import KINDS, Imported

_LONGEST = 200
BEGIN, END = "<!-- written by python -m tests.porting -->", "<!-- end -->"


def table_of_examples(results: Sequence[Result]) -> str:
    """What became of examples, in Markdown."""
    found = Counter(one.kind for one in results)
    lines = [f"| of {len(results)} server examples | |", "|---|---|"]
    lines += [f"| {kind} | {found[kind]} |" for kind in CLASSES]
    topics = Counter(topic for one in results for topic in one.topics)
    if topics:
        lines += ["", "| documented difference | examples |", "|---|---|"]
        lines += [f"| {topic} | {count} |" for topic, count in sorted(topics.items(), key=_most_first)]
    refused = [one for one in results if one.kind == REFUSED]
    if refused:
        lines += ["", "| refused | what it names |", "|---|---|"]
        lines += [f"| `{one.name}` | {_cell(one.reason)} |" for one in refused]
    return "\n".join(lines)


def table_of_public(packages: Sequence[Imported]) -> str:
    """What became of public servers, in Markdown."""
    found = Counter(one.kind for one in packages)
    lines = [f"| of {len(packages)} public servers | |", "|---|---|"]
    lines += [f"| {kind} | {found[kind]} |" for kind in KINDS]
    lines += ["", "| public server | | what it needs |", "|---|---|---|"]
    lines += [f"| {one.name} | {one.kind} | {_cell(one.reason)} |" for one in packages]
    return "\n".join(lines)


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _cell(text: str) -> str:
    line = text.split("\n", maxsplit=1)[0].replace("|", "\\|")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def write(page: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
