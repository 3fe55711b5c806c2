"""The picture of a run: small, the same every time, and readable on pages of any color."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from benchmarks import plot, roster
from benchmarks.environments import HERE

RESULTS = json.loads((HERE / "results" / "latest.json").read_text())


def test_the_picture_of_the_last_whole_run(tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    plot.draw(RESULTS, first)
    plot.draw(RESULTS, second)
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) < 80_000
    words = {element.text for element in ET.parse(first).iter("{http://www.w3.org/2000/svg}text")}
    assert {peer.title for peer in roster.PLAIN} <= words
    assert "#ffffff" not in first.read_text()  # no background
