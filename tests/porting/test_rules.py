"""Every rule is a row of the documentation."""

import re

from tests.pages import ROOT
from tests.porting.rules import RULES


def test_each_topic_is_the_first_cell_of_a_row() -> None:
    pages = [(ROOT / "docs" / name).read_text() for name in ("porting.md", "differences.md")]
    rows = {cell.strip() for page in pages for cell in re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)}
    assert [rule.topic for rule in RULES if rule.topic not in rows] == []
