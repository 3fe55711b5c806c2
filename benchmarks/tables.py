"""Markdown tables and the form of the numbers in them."""

# ruff: noqa: RUF001 - people read the en dash

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks import roster

Results = dict[str, Any]
Row = Sequence[str]


def compared(
    peers: Iterable[roster.Peer],
    values: dict[str, float],
    extra: Callable[[str], Row],
    columns: Row,
    middle: str,
    references: dict[str, str],
) -> str:
    def row(peer: roster.Peer) -> Row:
        value = values[peer.key]
        ratios = (ratio(value / values[key]) for key in references)
        return (peer.title, number(value), *extra(peer.key), *ratios)

    return table(("", middle, *columns, *references.values()), map(row, peers))


def points(found: Results, cell: Callable[[Results], str], heading: str) -> str:
    points = list(next(iter(found.values())))
    headings = ("", *(heading.format(int(point)) for point in points))
    return table(
        headings,
        ((roster.ALL[key].title, *(cell(cells[point]) for point in points)) for key, cells in found.items()),
    )


def quartiles(summary: Results) -> str:
    return f"{number(summary['p25'])}–{number(summary['p75'])}"


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def megabytes(count: float) -> str:
    return f"{count / 1e6:.2f}" if count < 1e7 else f"{count / 1e6:.1f}"


def table(headings: Row, rows: Iterable[Row], *, numbers: bool = True) -> str:
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
