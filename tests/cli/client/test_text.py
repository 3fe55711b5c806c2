import pytest

from lambent.cli.client.text import one_line, printable


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain é 日本 👍", "plain é 日本 👍"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb", "a\\rb"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("\ud800", "\\ud800"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_what_controls_a_terminal_is_escaped(text, written):
    assert printable(text) == one_line(text) == written


def test_ends_of_lines_stay_where_there_may_be_several():
    assert printable("a\r\nb\n\tc") == "a\nb\n\tc"
    assert one_line("a\nb\tc") == "a\\nb\\tc"
