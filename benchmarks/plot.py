"""The picture: an SVG with nothing in it but shapes and text."""

# ruff: noqa: RUF001 - what people read has the multiplication sign and the en dash

import math
from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import escape

from benchmarks import roster

Results = dict[str, Any]

WIDTH = 980
_MARGIN = 24
_ROW = 23
_LABELS = 168

_COLORS = {
    "bare": "#8b949e",
    "lambent": "#e8590c",
    "awslabs": "#1f9e74",
    "asgi": "#8b949e",
    "fastapi": "#8b949e",
    "sdk": "#4d7fff",
    "sdk_async": "#4d7fff",
    "fastmcp": "#b05ce6",
    "fastmcp_async": "#b05ce6",
}
_NAMES = {
    "bare": "bare handler",
    "lambent": "Lambent",
    "awslabs": "awslabs",
    "asgi": "ASGI + Mangum",
    "fastapi": "FastAPI + Mangum",
    "sdk": "mcp SDK + Mangum",
    "sdk_async": "mcp SDK, async def",
    "fastmcp": "FastMCP + Mangum",
    "fastmcp_async": "FastMCP, async def",
}
_SHORT_NAMES = {
    "bare": "bare",
    "lambent": "Lambent",
    "awslabs": "awslabs",
    "sdk": "mcp SDK",
    "sdk_async": "SDK, async def",
    "fastmcp": "FastMCP",
}
_STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de } .text { fill: #1f2328 } .quiet { fill: #59636e }
  .grid { stroke: #d8dee4 } .hollow { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d } .text { fill: #f0f6fc } .quiet { fill: #9198a1 }
    .grid { stroke: #2a313a } .hollow { fill: #0d1117 }
  }
  text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
  .title { font-weight: 600; font-size: 14px } .small { font-size: 11px } .own { font-weight: 600 }
"""


class Scale:
    """From values to pixels.

    Args:
        low: the value at the start.
        high: the value at the end.
        start: a pixel.
        end: a pixel.
        logarithmic: equal ratios, rather than equal differences, are equally far apart.
    """

    def __init__(self, low: float, high: float, start: float, end: float, *, logarithmic: bool) -> None:
        self._bend: Callable[[float], float] = math.log10 if logarithmic else float
        self.logarithmic = logarithmic
        self.low, self.high = low, high
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        low, high = self._bend(self.low), self._bend(self.high)
        bent = self._bend(max(value, self.low))
        return round(self._start + (bent - low) / (high - low) * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        """Round values in between."""
        if self.logarithmic:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            factors = (1, 2, 5) if self.high / self.low < 50 else (1,)
            ticks = [factor * 10.0**power for power in powers for factor in factors]
            return [tick for tick in ticks if self.low <= tick <= self.high]
        step = 10 ** math.floor(math.log10(self.high / 2))
        step *= next(factor for factor in (1, 2, 5, 10) if self.high / (step * factor) <= 6)
        return [step * number for number in range(int(self.high / step) + 1)]


def draw(results: Results) -> str:
    """Draw a whole run."""
    half = (WIDTH - 3 * _MARGIN) / 2
    third = (WIDTH - 4 * _MARGIN) / 3
    left, right = _MARGIN, 2 * _MARGIN + half
    top = 84
    parts: list[str] = []
    tall = 62 + _ROW * len(roster.PLAIN)
    parts += _dots("Import and build of three tools, ms", left, top, half, _starts(results["import"]))
    under = top + 46 + _ROW * len(roster.STARTING)
    parts += _note("● plain types  ○ pydantic models; bars from p25 to p75", left, under)
    parts += _dots("Warm tools/call, µs", right, top, half, _calls(results["warm"]["call"]))
    parts += _note("● p50; bar up to p99", right, top + tall - 16)
    top += tall + 24
    parts += _bars("Resident after 2,000 calls, MB", left, top, half, _resident(results["memory"]))
    parts += _bars("Zipped artifact, MB", right, top, half, _zipped(results["size"]))
    top += 74 + _ROW * len(roster.STARTING)
    growth = results["growth"]
    for place, (title, unit, lines) in enumerate(
        (
            ("Build, ms, by number of tools", "tools", _lines(growth["tools"], "build_ms")),
            ("Call, µs, by size of its arguments", "bytes", _lines(growth["arguments"], "p50")),
            ("Conversation, µs, by questions", "questions", _lines(growth["rounds"], "p50")),
        )
    ):
        parts += _curves(title, unit, _MARGIN + place * (third + _MARGIN), top, third, lines)
    height = top + 326
    conditions = results["conditions"]
    subtitle = (
        f"{conditions['python']}, {conditions['cpu']} × {conditions['cores']}. One run, side by side, "
        "through the Lambda handler. Less is better everywhere. Bars start at zero, all else is logarithmic."
    )
    size = f'viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Lambent and its peers">',
        f"<style>{_STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="10"/>',
        _text(_MARGIN, 30, "Lambent and its peers on AWS Lambda", "text title"),
        _text(_MARGIN, 48, subtitle, "quiet small"),
    ]
    return "\n".join([*head, *parts, "</svg>"]) + "\n"


Mark = tuple[float, float, float, bool]
"""A value, the ends of its bar, and whether it is hollow."""


def _starts(found: Results) -> dict[str, list[Mark]]:
    rows: dict[str, list[Mark]] = {}
    for peer in roster.STARTING:
        keys = [(peer.key, False), (f"{peer.key}_models", True)]
        summaries = [(found[key]["processor_ms"], hollow) for key, hollow in keys if key in found]
        rows[peer.key] = [(item["median"], item["p25"], item["p75"], hollow) for item, hollow in summaries]
    return rows


def _calls(found: Results) -> dict[str, list[Mark]]:
    return {
        peer.key: [(found[peer.key]["p50"], found[peer.key]["p50"], found[peer.key]["p99"], False)]
        for peer in roster.PLAIN
    }


def _resident(found: Results) -> dict[str, float]:
    return {peer.key: found[peer.key]["called"] / 1e6 for peer in roster.STARTING}


def _zipped(found: Results) -> dict[str, float]:
    return {peer.key: found[peer.key]["bytes"] / 1e6 for peer in roster.STARTING}


def _lines(found: Results, figure: str) -> dict[str, list[tuple[float, float]]]:
    shown = {key: cells for key, cells in found.items() if key in _SHORT_NAMES}
    return {
        key: [(float(point), cell[figure]) for point, cell in cells.items() if "refused" not in cell]
        for key, cells in shown.items()
    }


def _dots(title: str, x: float, y: float, width: float, rows: dict[str, list[Mark]]) -> list[str]:
    """A dot plot on a logarithmic scale, a row for each peer."""
    marks = [mark for row in rows.values() for mark in row]
    low = min(mark[0] for mark in marks) * 0.7
    high = max(max(mark[0], mark[2]) for mark in marks) * 1.5
    scale = Scale(low, high, x + _LABELS, x + width - 48, logarithmic=True)
    bottom = y + 14 + _ROW * len(rows)
    parts = [_text(x, y, title, "text title"), *_grid(scale, y + 12, bottom)]
    for number, (key, row) in enumerate(rows.items()):
        middle = y + 14 + _ROW * (number + 0.5)
        parts.append(_label(x, middle, key))
        color = _COLORS[key]
        for value, start, end, hollow in row:
            at = scale(value)
            parts.append(
                f'<line x1="{scale(start)}" x2="{scale(end)}" y1="{middle}" y2="{middle}" stroke="{color}" '
                'stroke-width="3" stroke-opacity="0.45"/>'
            )
            fill = 'class="hollow"' if hollow else f'fill="{color}"'
            parts.append(f'<circle cx="{at}" cy="{middle}" r="5" {fill} stroke="{color}" stroke-width="2"/>')
        furthest = max(max(scale(mark[0]), scale(mark[2])) for mark in row)
        words = " / ".join(_short(mark[0]) for mark in row)
        parts.append(_text(furthest + 10, middle + 4, words, f"text small{_own(key)}"))
    return parts


def _bars(title: str, x: float, y: float, width: float, values: dict[str, float]) -> list[str]:
    """Bars from zero."""
    scale = Scale(0, max(values.values()) * 1.05, x + _LABELS, x + width - 48, logarithmic=False)
    bottom = y + 14 + _ROW * len(values)
    parts = [_text(x, y, title, "text title"), *_grid(scale, y + 12, bottom)]
    for number, (key, value) in enumerate(values.items()):
        middle = y + 14 + _ROW * (number + 0.5)
        end = scale(value)
        long = f'width="{max(end - scale(0), 0.5):.1f}" height="14"'
        parts += [
            _label(x, middle, key),
            f'<rect x="{scale(0)}" y="{middle - 7}" {long} rx="2" fill="{_COLORS[key]}"/>',
            _text(end + 7, middle + 4, _short(value), f"text small{_own(key)}"),
        ]
    return parts


def _curves(
    title: str, unit: str, x: float, y: float, width: float, lines: dict[str, list[tuple[float, float]]]
) -> list[str]:
    """Curves on logarithmic scales, each named at its end."""
    points = [point for line in lines.values() for point in line]
    across = Scale(
        min(point[0] for point in points),
        max(point[0] for point in points),
        x + 46,
        x + width - 92,
        logarithmic=True,
    )
    top, bottom = y + 18, y + 246
    up = Scale(
        min(point[1] for point in points) * 0.7,
        max(point[1] for point in points) * 1.5,
        bottom,
        top,
        logarithmic=True,
    )
    parts = [_text(x, y, title, "text title"), *_grid(across, top, bottom)]
    for tick in up.ticks():
        parts.append(
            f'<line class="grid" x1="{x + 46}" x2="{x + width - 92:.1f}" y1="{up(tick)}" y2="{up(tick)}"/>'
        )
        parts.append(_text(x + 40, up(tick) + 4, _compact(tick), "quiet small", "end"))
    parts.append(_text((x + 46 + x + width - 92) / 2, bottom + 34, unit, "quiet small", "middle"))
    ends = []
    for key, line in lines.items():
        path = " ".join(f"{across(point)},{up(value)}" for point, value in line)
        dash = ' stroke-dasharray="5 4"' if key.endswith("_async") else ""
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{_COLORS[key]}" '
            f'stroke-width="{3 if key == "lambent" else 2}"{dash}/>'
        )
        parts += [f'<circle cx="{across(p)}" cy="{up(v)}" r="2.6" fill="{_COLORS[key]}"/>' for p, v in line]
        ends.append((up(line[-1][1]), across(line[-1][0]), key))
    for height, (_, start, key) in zip(_apart([end[0] for end in sorted(ends)]), sorted(ends), strict=True):
        name = _SHORT_NAMES[key]
        style = f'fill="{_COLORS[key]}" class="small{_own(key)}"'
        parts.append(f'<text x="{start + 8}" y="{height + 4:.1f}" {style}>{name}</text>')
    return parts


def _apart(heights: Sequence[float], gap: float = 14) -> list[float]:
    """Move labels down until none covers another."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else height)
    return placed


def _grid(scale: Scale, top: float, bottom: float) -> list[str]:
    parts = []
    for tick in scale.ticks():
        at = scale(tick)
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{top}" y2="{bottom}"/>')
        parts.append(_text(at, bottom + 15, _compact(tick), "quiet small", "middle"))
    return parts


def _label(x: float, middle: float, key: str) -> str:
    return _text(x + _LABELS - 14, middle + 4, _NAMES[key], f"text{_own(key)}", "end")


def _note(words: str, x: float, y: float) -> list[str]:
    return [_text(x + _LABELS, y, words, "quiet small")]


def _own(key: str) -> str:
    return " own" if key == "lambent" else ""


def _text(x: float, y: float, words: str, css: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(words)}</text>'


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 25 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _compact(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
