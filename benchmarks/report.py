"""The tables, in Markdown: they are printed and kept."""

# ruff: noqa: RUF001 - what people read has the multiplication sign and the en dash

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks import roster
from benchmarks.budgets import Verdict

Results = dict[str, Any]
Row = Sequence[str]


def write(results: Results, verdicts: Sequence[Verdict]) -> str:
    """Everything that was measured, as Markdown."""
    parts = ["# Lambent and its peers", _conditions(results["conditions"]) + _busy(results)]
    if verdicts:
        parts += ["## Budgets", _budgets(verdicts)]
    sections: dict[str, Callable[[Results], list[str]]] = {
        "import": _start,
        "warm": _warm,
        "memory": _memory,
        "size": _size,
        "growth": _growth,
    }
    for group, section in sections.items():
        if group in results:
            parts += section(results[group])
    parts += ["## Who is who", _who(results)]
    return "\n\n".join(parts) + "\n"


def _conditions(conditions: Results) -> str:
    said = [
        f"{conditions['python']}, {conditions['cpu']} × {conditions['cores']}, {conditions['system']}",
        f"Lambent source {conditions['lambent']}",
        f"load {conditions['load_before']} before, {conditions['load_after']} after",
        f"{conditions['seconds']} s",
    ]
    if conditions["quick"]:
        said.append("a quick run: few repetitions")
    if not conditions["runtime_client"]:
        said.append("Lambda's runtime client could not be installed, so its imports count as the peers'")
    return f"{'; '.join(said)}."


def _busy(results: Results) -> str:
    """A warning where starting took much longer than the processor worked on it."""
    found = results.get("import", {})
    taken = sum(item["start_ms"]["median"] for item in found.values())
    worked = sum(item["processor_ms"]["median"] for item in found.values())
    if taken <= _QUIET * worked:
        return ""
    return f"\n\n**The machine was busy: starting took {taken / worked:.2f} × its processor time.**"


def _budgets(verdicts: Sequence[Verdict]) -> str:
    return _table(("what", "at most", "measured", "met"), map(_verdict, verdicts), numbers=False)


def _verdict(verdict: Verdict) -> Row:
    return verdict.what, verdict.limit, verdict.measured, "yes" if verdict.met else "**no**"


def _start(found: Results) -> list[str]:
    client = "after the imports of Lambda's runtime client"
    return [
        f"## Import and build of three tools, ms ({client})",
        *(
            f"### {title}\n\n"
            + _compared(
                peers,
                {key: found[key]["processor_ms"]["median"] for key in found},
                lambda key: (
                    _quartiles(found[key]["processor_ms"]),
                    _number(found[key]["start_ms"]["median"]),
                    _quartiles(found[key]["start_ms"]),
                    str(found[key]["modules"]),
                ),
                ("p25–p75", "elapsed", "p25–p75", "modules"),
                "processor",
                references,
            )
            for title, peers, references in (
                ("Plain types", roster.STARTING, _PLAIN_REFERENCES),
                ("Pydantic models", roster.MODELS, _MODEL_REFERENCES),
            )
        ),
        "## First call, µs",
        _compared(
            (*roster.STARTING, *roster.MODELS),
            {key: found[key]["first_us"]["median"] for key in found},
            lambda key: (_quartiles(found[key]["first_us"]), _number(_cold(found[key]))),
            ("p25–p75", "with import and build, ms"),
            "median",
            _PLAIN_REFERENCES,
        ),
    ]


def _warm(found: Results) -> list[str]:
    def spread(table: Results) -> Callable[[str], Row]:
        return lambda key: (_quartiles(table[key]), _number(table[key]["p99"]))

    def between(table: Results) -> Callable[[str], Row]:
        return lambda key: (
            *spread(table)(key),
            f"{_number(table[key]['least_p50'])}–{_number(table[key]['most_p50'])}",
        )

    def middles(table: Results) -> dict[str, float]:
        return {key: table[key]["p50"] for key in table}

    calls, lists, asking = found["call"], found["list"], found["asking"]
    columns = ("p25–p75", "p99", "p50 by process")
    return [
        "## Warm tools/call, µs",
        _compared(roster.PLAIN, middles(calls), between(calls), columns, "p50", _PLAIN_REFERENCES),
        "### With pydantic models",
        _compared(roster.MODELS, middles(calls), between(calls), columns, "p50", _MODEL_REFERENCES),
        "## Warm tools/list of 100 tools, µs",
        _compared(
            roster.LISTING,
            middles(lists),
            lambda key: (*spread(lists)(key), _number(lists[key]["first_us"])),
            ("p25–p75", "p99", "the first list"),
            "p50",
            _PLAIN_REFERENCES,
        ),
        "## Elicitation in two rounds, state sealed, µs for both",
        _compared(
            roster.ASKING,
            middles(asking),
            lambda key: (
                *spread(asking)(key),
                _number(asking[key]["first_round_us"]),
                _number(asking[key]["last_round_us"]),
            ),
            ("p25–p75", "p99", "round 1", "round 2"),
            "p50",
            {"sdk": "× SDK", "sdk_async": "× SDK async"},
        ),
    ]


def _memory(found: Results) -> list[str]:
    def stages(key: str) -> Row:
        return tuple(_megabytes(found[key][stage]) for stage in ("interpreter", "built"))

    note = ""
    if "runtime client" in found["bare"]:
        client = _megabytes(found["bare"]["runtime client"])
        note = f" Lambda's runtime client, not loaded here, adds {client} MB."
    return [
        "## Resident memory, MB",
        _compared(
            roster.STARTING,
            {peer.key: found[peer.key]["called"] / 1e6 for peer in roster.STARTING},
            stages,
            ("interpreter alone", "built"),
            "after 2,000 calls",
            _PLAIN_REFERENCES,
        ),
        f"Interpreter and harness included.{note}",
    ]


def _size(found: Results) -> list[str]:
    peers = [peer for peer in (*roster.STARTING, *roster.MODELS) if peer.key in found]
    sealing = _megabytes(found["lambent"]["with_sealing"])
    note = (
        "Without bytecode and without what Lambda's runtime brings (boto3). Lambent with `cryptography`, "
        f"which a function that asks questions needs: {sealing} MB."
    )
    return [
        "## Zipped artifact, MB",
        _table(
            ("", "MB", "files"),
            (
                (peer.title, _megabytes(found[peer.key]["bytes"]), str(found[peer.key]["files"]))
                for peer in peers
            ),
        ),
        note,
    ]


def _growth(found: Results) -> list[str]:
    tools, arguments, rounds = found["tools"], found["arguments"], found["rounds"]
    return [
        "## As work grows",
        "### Tools: build, ms / call, µs",
        _points(tools, lambda cell: f"{_number(cell['build_ms'])} / {_number(cell['p50'])}", "{:,} tools"),
        "### Size of the arguments, bytes: call, µs",
        _points(arguments, _cell, "{:,} B"),
        "### Questions: the whole conversation, µs (its last round, µs)",
        _points(rounds, lambda cell: f"{_number(cell['p50'])} ({_number(cell['last_round_us'])})", "{:,}"),
    ]


def _who(results: Results) -> str:
    versions = results["conditions"]["versions"]
    of_interest = (
        "lambent",
        "msgspec",
        "pydantic",
        "mangum",
        "fastapi",
        "mcp",
        "fastmcp",
        "awslabs-mcp-lambda-handler",
    )

    def row(peer: roster.Peer) -> Row:
        installed = {
            name.lower().replace(".", "-").replace("_", "-"): v
            for name, v in versions[peer.environment].items()
        }
        used = [f"{name} {installed[name]}" for name in of_interest if name in installed]
        return peer.title, peer.protocol, ", ".join(used) or "nothing", peer.note

    return _table(("", "protocol", "with", "note"), map(row, (*roster.PLAIN, *roster.MODELS)), numbers=False)


_QUIET = 1.1

_PLAIN_REFERENCES = {"bare": "× bare", "awslabs": "× awslabs", "sdk": "× SDK"}
_MODEL_REFERENCES = {"bare_models": "× bare", "sdk_models": "× SDK"}


def _compared(
    peers: Iterable[roster.Peer],
    values: dict[str, float],
    extra: Callable[[str], Row],
    columns: Row,
    middle: str,
    references: dict[str, str],
) -> str:
    def row(peer: roster.Peer) -> Row:
        value = values[peer.key]
        ratios = (_ratio(value / values[key]) for key in references)
        return (peer.title, _number(value), *extra(peer.key), *ratios)

    return _table(("", middle, *columns, *references.values()), map(row, peers))


def _points(found: Results, cell: Callable[[Results], str], heading: str) -> str:
    points = list(next(iter(found.values())))
    headings = ("", *(heading.format(int(point)) for point in points))
    return _table(
        headings,
        ((roster.ALL[key].title, *(cell(cells[point]) for point in points)) for key, cells in found.items()),
    )


def _cell(cell: Results) -> str:
    return f"refused ({cell['refused']})" if "refused" in cell else _number(cell["p50"])


def _cold(started: Results) -> float:
    """Milliseconds from the first import to the first answer: work can be put off, but not hidden."""
    return float(started["processor_ms"]["median"]) + float(started["first_us"]["median"]) / 1000


def _quartiles(summary: Results) -> str:
    return f"{_number(summary['p25'])}–{_number(summary['p75'])}"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _megabytes(count: float) -> str:
    return f"{count / 1e6:.2f}" if count < 1e7 else f"{count / 1e6:.1f}"


def _table(headings: Row, rows: Iterable[Row], *, numbers: bool = True) -> str:
    cells = [tuple(headings), *map(tuple, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    to_the_right = [numbers and column > 0 for column in range(len(headings))]

    def line(row: Row) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_the_right, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rules = (
        f"-{'-' * width}{':' if right else '-'}" for width, right in zip(widths, to_the_right, strict=True)
    )
    return "\n".join([line(cells[0]), f"|{'|'.join(rules)}|", *map(line, cells[1:])])
