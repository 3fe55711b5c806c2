"""Draws ``docs/benchmarks.svg``, the picture of a whole run, with matplotlib."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks import roster
from benchmarks.roster import Peer

Results = dict[str, Any]

_GREY = "#818b98"
"""Of all text and of peers without a colour: it can be read on a light and on a dark page."""

_COLORS = {"lambent": "#e8590c", "awslabs": "#1f9e74", "sdk": "#4d7fff", "fastmcp": "#b05ce6"}
_GROWTH_NAMES = {"lambent": "Lambent", "awslabs": "awslabs", "sdk": "mcp SDK", "fastmcp": "FastMCP"}
_STYLE = {
    "svg.fonttype": "none",  # text stays text: the file is small, and the page's font is used
    "svg.hashsalt": "benchmarks",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": _GREY,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "grid.color": _GREY,
    "grid.alpha": 0.25,
    "path.simplify": False,
}


def draw(results: Results, path: Path) -> None:
    """Draw a whole run.

    Args:
        results: of all groups of measurements.
        path: of the SVG file.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 9), layout="constrained")
        rows = figure.subfigures(3, 1, height_ratios=(1.1, 1, 0.95))
        left, right = rows[0].subplots(1, 2)
        starts = {key: found["processor_ms"]["median"] for key, found in results["import"].items()}
        calls = {key: found["p50"] for key, found in results["warm"]["call"].items()}
        _bars(left, "Import and build of three tools, ms, log scale", roster.STARTING, starts, log=True)
        _bars(right, "Warm tools/call, p50, µs, log scale", roster.WARM, calls, log=True)
        left, right = rows[1].subplots(1, 2)
        resident = {key: found["called"] / 1e6 for key, found in results["memory"].items()}
        zipped = {key: found["bytes"] / 1e6 for key, found in results["size"].items()}
        _bars(left, "Resident memory after 2,000 calls, MB", roster.STARTING, resident)
        _bars(right, "Zipped artifact, MB", roster.STARTING, zipped)
        growth = results["growth"]
        for axes, (title, unit, found, figure_name) in zip(
            rows[2].subplots(1, 3),
            (
                ("Build, ms", "tools", growth["tools"], "build_ms"),
                ("Call, µs", "bytes of arguments", growth["arguments"], "p50"),
                ("Conversation, µs", "questions", growth["rounds"], "p50"),
            ),
            strict=True,
        ):
            _curves(axes, title, unit, found, figure_name)
        conditions = results["conditions"]
        figure.suptitle(
            f"{conditions['python']}, {conditions['cpu']}, {conditions['cores']} cores. "
            "One run, side by side, through the Lambda handler. Less is better.",
            fontsize=8.5,
        )
        figure.savefig(path, transparent=True, metadata={"Date": None})


def _bars(
    axes: Axes, title: str, peers: Sequence[Peer], values: Mapping[str, float], *, log: bool = False
) -> None:
    """A horizontal bar for each peer that was measured, labelled with its value."""
    peers = [peer for peer in peers if peer.key in values]
    titles = [peer.title for peer in peers]
    colors = [_color(peer.key) for peer in peers]
    bars = axes.barh(titles, [values[peer.key] for peer in peers], color=colors, height=0.62, log=log)
    axes.bar_label(bars, [_number(values[peer.key]) for peer in peers], padding=3)
    axes.set_title(title)
    axes.invert_yaxis()
    axes.margins(x=0.14)
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    axes.xaxis.set_visible(False)


def _curves(axes: Axes, title: str, unit: str, found: Results, figure_name: str) -> None:
    """A curve for each peer, on logarithmic scales; refused points are left out."""
    for key, name in _GROWTH_NAMES.items():
        cells = {float(point): cell for point, cell in found.get(key, {}).items() if "refused" not in cell}
        if cells:
            values = [cell[figure_name] for cell in cells.values()]
            axes.loglog(list(cells), values, color=_color(key), marker="o", markersize=3, label=name)
    axes.set_title(title)
    axes.set_xlabel(unit)
    axes.grid()
    axes.legend(frameon=False, fontsize=7.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.7g}"))
        axis.set_minor_locator(NullLocator())


def _color(key: str) -> str:
    return _COLORS.get(key.partition("_")[0], _GREY)


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"
