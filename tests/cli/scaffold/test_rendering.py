"""The part of Jinja that is understood."""

import pytest

from lambent.cli.scaffold.rendering import Values, render

TEXT = """first
{%- if cookiecutter.one %}

one
{%- if cookiecutter.two %}
both
{%- else %}
one alone
{%- endif %}
{%- endif %}
{%- if cookiecutter.one and cookiecutter.two %}
again
{%- endif %}
last {{ cookiecutter.name }}
"""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"one": False, "two": True}, "first\nlast x\n"),
        ({"one": True, "two": False}, "first\n\none\none alone\nlast x\n"),
        ({"one": True, "two": True}, "first\n\none\nboth\nagain\nlast x\n"),
    ],
)
def test_blocks_are_kept_or_left_out(values: Values, expected: str) -> None:
    assert render(TEXT, {**values, "name": "x"}) == expected


def test_names_of_files_are_filled_in() -> None:
    assert render("tests/a{{cookiecutter._py}}", {"_py": ".py"}) == "tests/a.py"


def test_other_braces_stay() -> None:
    text = "${Url}mcp {Ref: x} {{ other.name }} {% raw %}"
    assert render(text, {}) == text


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{{ cookiecutter.missing }}", KeyError, "missing"),
        ("{%- if cookiecutter.missing %}{%- endif %}", KeyError, "missing"),
        ("{%- if cookiecutter.one %}", ValueError, "if without endif"),
        ("{%- endif %}", ValueError, "endif without if"),
    ],
)
def test_a_mistake_in_a_template_is_an_error(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        render(text, {"one": True})
