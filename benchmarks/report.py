"""The tables, in Markdown: they are printed and kept."""

# ruff: noqa: RUF001 - what people read has the multiplication sign and the en dash

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import roster
from benchmarks.budgets import Verdict
from benchmarks.tables import Row, compared, megabytes, number, points, quartiles, table

Results = dict[str, Any]


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
    return table(("what", "at most", "measured", "met"), map(_verdict, verdicts), numbers=False)


def _verdict(verdict: Verdict) -> Row:
    return verdict.what, verdict.limit, verdict.measured, "yes" if verdict.met else "**no**"


def _start(found: Results) -> list[str]:
    client = "after the imports of Lambda's runtime client"
    return [
        f"## Import and build of three tools, ms ({client})",
        *(
            f"### {title}\n\n"
            + compared(
                peers,
                {key: found[key]["processor_ms"]["median"] for key in found},
                lambda key: (
                    quartiles(found[key]["processor_ms"]),
                    number(found[key]["start_ms"]["median"]),
                    quartiles(found[key]["start_ms"]),
                    str(found[key]["modules"]),
                ),
                ("p25–p75", "elapsed", "p25–p75", "modules"),
                "processor",
                references,
            )
            for title, peers, references in (
                ("Plain types", (*roster.STARTING, roster.AUTHORIZED), _PLAIN_REFERENCES),
                ("Pydantic models", roster.MODELS, _MODEL_REFERENCES),
            )
        ),
        "## First call, µs",
        compared(
            (*roster.STARTING, *roster.MODELS),
            {key: found[key]["first_us"]["median"] for key in found},
            lambda key: (quartiles(found[key]["first_us"]), number(_cold(found[key]))),
            ("p25–p75", "with import and build, ms"),
            "median",
            _PLAIN_REFERENCES,
        ),
    ]


def _warm(found: Results) -> list[str]:
    def spread(calls: Results) -> Callable[[str], Row]:
        return lambda key: (quartiles(calls[key]), number(calls[key]["p99"]))

    def between(calls: Results) -> Callable[[str], Row]:
        return lambda key: (
            *spread(calls)(key),
            f"{number(calls[key]['least_p50'])}–{number(calls[key]['most_p50'])}",
        )

    def middles(calls: Results) -> dict[str, float]:
        return {key: calls[key]["p50"] for key in calls}

    calls, lists, asking = found["call"], found["list"], found["asking"]
    columns = ("p25–p75", "p99", "p50 by process")
    return [
        "## Warm tools/call, µs",
        compared(roster.WARM, middles(calls), between(calls), columns, "p50", _PLAIN_REFERENCES),
        "### With pydantic models",
        compared(roster.MODELS, middles(calls), between(calls), columns, "p50", _MODEL_REFERENCES),
        "## Warm tools/list of 100 tools, µs",
        compared(
            roster.LISTING,
            middles(lists),
            lambda key: (*spread(lists)(key), number(lists[key]["first_us"])),
            ("p25–p75", "p99", "the first list"),
            "p50",
            _PLAIN_REFERENCES,
        ),
        "## Elicitation in two rounds, state sealed, µs for both",
        compared(
            roster.ASKING,
            middles(asking),
            lambda key: (
                *spread(asking)(key),
                number(asking[key]["first_round_us"]),
                number(asking[key]["last_round_us"]),
            ),
            ("p25–p75", "p99", "round 1", "round 2"),
            "p50",
            {"sdk": "× SDK", "sdk_async": "× SDK async"},
        ),
    ]


def _memory(found: Results) -> list[str]:
    def stages(key: str) -> Row:
        return tuple(megabytes(found[key][stage]) for stage in ("interpreter", "built"))

    note = ""
    if "runtime client" in found["bare"]:
        client = megabytes(found["bare"]["runtime client"])
        note = f" Lambda's runtime client, not loaded here, adds {client} MB."
    return [
        "## Resident memory, MB",
        compared(
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
    sealing, installed = (megabytes(found["lambent"][case]) for case in ("with_sealing", "as_installed"))
    note = (
        "Without bytecode and without what Lambda's runtime brings (boto3). Peers as pip installs them, "
        f"Lambent as `lambent build` leaves it; as pip installs it, with its command line: {installed} MB. "
        f"With `cryptography`, which a function that asks questions needs: {sealing} MB."
    )
    return [
        "## Zipped artifact, MB",
        table(
            ("", "MB", "files"),
            (
                (peer.title, megabytes(found[peer.key]["bytes"]), str(found[peer.key]["files"]))
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
        points(tools, lambda cell: f"{number(cell['build_ms'])} / {number(cell['p50'])}", "{:,} tools"),
        "### Size of the arguments, bytes: call, µs",
        points(arguments, _cell, "{:,} B"),
        "### Questions: the whole conversation, µs (its last round, µs)",
        points(rounds, lambda cell: f"{number(cell['p50'])} ({number(cell['last_round_us'])})", "{:,}"),
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

    return table(("", "protocol", "with", "note"), map(row, roster.ALL.values()), numbers=False)


_QUIET = 1.1

_PLAIN_REFERENCES = {"bare": "× bare", "awslabs": "× awslabs", "sdk": "× SDK"}
_MODEL_REFERENCES = {"bare_models": "× bare", "sdk_models": "× SDK"}


def _cell(cell: Results) -> str:
    return f"refused ({cell['refused']})" if "refused" in cell else number(cell["p50"])


def _cold(started: Results) -> float:
    """Milliseconds from the first import to the first answer: work can be put off, but not hidden."""
    return float(started["processor_ms"]["median"]) + float(started["first_us"]["median"]) / 1000
