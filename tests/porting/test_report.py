"""The tables of docs/porting.md."""

from pathlib import Path

from tests.porting.classes import DOCUMENTED, REFUSED, SAME, Result
from tests.porting.public import Imported
from tests.porting.report import BEGIN, END, table_of_examples, table_of_public, write


def test_examples_by_what_became_of_them() -> None:
    found = [
        Result("a.py", SAME),
        Result("b.py", DOCUMENTED, ("x", "y")),
        Result("c.py", DOCUMENTED, ("y",)),
        Result("d.py", REFUSED, reason="Server: a | b\nmore"),
    ]
    assert table_of_examples(found).splitlines() == [
        "| of 4 server examples | |",
        "|---|---|",
        "| same | 1 |",
        "| documented difference | 2 |",
        "| refused | 1 |",
        "| differs | 0 |",
        "| fails | 0 |",
        "",
        "| documented difference | examples |",
        "|---|---|",
        "| y | 2 |",
        "| x | 1 |",
        "",
        "| refused | what it names |",
        "|---|---|",
        "| `d.py` | Server: a \\| b |",
    ]


def test_public_servers_by_their_names() -> None:
    found = [Imported("a 1", "imports", ""), Imported("b 2", "fails", "x" * 300)]
    assert table_of_public(found).splitlines()[2:5] == ["| imports | 1 |", "| refused | 0 |", "| fails | 1 |"]
    assert table_of_public(found).splitlines()[-2:] == [
        "| a 1 | imports |  |",
        f"| b 2 | fails | {'x' * 200}… |",
    ]


def test_a_page_keeps_what_stands_around_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, "new")
    assert page.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
