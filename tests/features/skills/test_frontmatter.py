"""Front matter: what is read without a parser of YAML, what with one, and what is refused."""

import json
import sys
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from lambent import ConfigurationError, DeclarationError
from lambent.features.skills.frontmatter import read_frontmatter, read_lines
from lambent.features.skills.yaml_frontmatter import read_yaml

HEAD = "name: a\ndescription: b"


def whole(text: str) -> bytes:
    return f"---\n{text}\n---\n# Body\n".encode()


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (HEAD, {"name": "a", "description": "b"}),
        (f"{HEAD}  ", {"name": "a", "description": "b"}),
        (
            'name: a\ndescription: "Use when: asked # now"',
            {"name": "a", "description": "Use when: asked # now"},
        ),
        ("name: a\ndescription: 'It \"works\"'", {"name": "a", "description": 'It "works"'}),
        ("name: a\ndescription: Größe, in m²", {"name": "a", "description": "Größe, in m²"}),
        (
            f'{HEAD}\nmetadata:\n  author: me\n  version: "1.0"\nlicense: MIT',
            {
                "name": "a",
                "description": "b",
                "metadata": {"author": "me", "version": "1.0"},
                "license": "MIT",
            },
        ),
    ],
)
def test_lines_of_text_need_no_parser(text: str, fields: dict[str, Any]) -> None:
    assert read_lines(text) == fields
    assert read_lines(text.replace("\n", "\r\n")) == fields
    assert read_yaml(text) == fields
    assert list(read_frontmatter(whole(text))) == list(fields)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("metadata:\n  version: 2", {"metadata": {"version": 2}}),
        (
            "metadata:\n  ratio: 1.5\n  on-call: true\n  none:",
            {"metadata": {"ratio": 1.5, "on-call": True, "none": None}},
        ),
        ("description: >-\n  b\n  c", {"description": "b c"}),
        ("allowed-tools:\n  - Read\n  - Bash(git:*)", {"allowed-tools": ["Read", "Bash(git:*)"]}),
        ("# a comment\nlicense: MIT", {"license": "MIT"}),
        ("metadata: {a: b}", {"metadata": {"a": "b"}}),
        ("x:\n  y:\n    z: deep", {"x": {"y": {"z": "deep"}}}),
        ("license: a\n  b", {"license": "a b"}),
        ('license: "a\\tb"', {"license": "a\tb"}),
        ("x: !!str 12a", {"x": "12a"}),
    ],
)
def test_all_else_is_read_by_one(text: str, fields: dict[str, Any]) -> None:
    assert read_lines(text) is None
    assert read_yaml(text) == fields


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x: yes", "'yes' differently: put it in quotes"),
        ("x: 2026-11-27", "'2026-11-27' differently"),
        ("x: 1:30", "'1:30' differently"),
        ("x: 010", "'010' differently"),
        ("x: 0o14", "'0o14' differently"),
        ("x: 1_000", "'1_000' differently"),
        ("x: 1e3", "'1e3' differently"),
        ("x: .inf", "'.inf' differently"),
        ("x: &a b\ny: *a", "no aliases"),
        ("x: a\nx: b", "'x' twice"),
        ("1: a", "names that are text, not 1"),
        ("<<: {a: b}", "no YAML"),
        ("x: !!binary aGk=", "differently"),
        ("x: !python/object:os.x {}", "has no !python"),
        ("x: [", "no YAML"),
        ("a\n", "has fields"),
        ("- a", "has fields"),
        ("x: a\n---\ny: b", "no YAML"),
    ],
)
def test_what_hosts_may_read_differently_is_refused(text: str, problem: str) -> None:
    assert read_lines(text) is None
    with pytest.raises(DeclarationError, match=problem):
        read_yaml(text)


def test_a_tag_makes_no_object() -> None:
    with pytest.raises(DeclarationError, match="has no tag:yaml"):
        read_yaml("x: !!python/object/apply:os.getcwd []")


@given(
    st.lists(
        st.text(st.sampled_from("ab:# '\"-_.,0{}[]&*!|>%@`~\\\tÄ"), max_size=12).map(
            lambda text: text if ":" in text else f"k: {text}"
        ),
        max_size=3,
    ).map("\n".join)
)
@example("k: a:")
@example("k: null")
@example("k:\n  on: a")
@example("k: a\n  b: c")
@example("k:\nb: c")
def test_what_the_lines_say_is_what_yaml_says(text: str) -> None:
    fields = read_lines(text)
    if fields is not None:
        assert yaml.safe_load(text) == fields
        assert read_yaml(text) == fields


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"# No front matter\n", "begins with a line ---"),
        (b"---\nname: a\n", "begins with a line ---"),
        (b"--- \nname: a\n---\n", "begins with a line ---"),
        (b"---\nname: \xff\n---\n", "no text in UTF-8"),
        (whole("description: " + "b" * 70_000), "begins with a line ---"),
        (whole("name: Aa\ndescription: b"), "1 to 64 of a-z"),
        (whole("name: a--a\ndescription: b"), "1 to 64 of a-z"),
        (whole("name: -a\ndescription: b"), "1 to 64 of a-z"),
        (whole(f"name: {'a' * 65}\ndescription: b"), "1 to 64 of a-z"),
        (whole("name: 12\ndescription: b"), "1 to 64 of a-z"),
        (whole("description: b"), "1 to 64 of a-z"),
        (whole("name: a"), "description is text"),
        (whole("name: a\ndescription: ' '"), "description is text"),
        (whole(f"name: a\ndescription: {'b' * 1025}"), "description is text"),
        (whole(f"{HEAD}\nlicense: 1"), "license is text"),
        (whole(f"{HEAD}\nmetadata: text"), "metadata is a mapping"),
        (whole(f"{HEAD}\nallowed-tools: 1"), "allowed-tools is text, or a list"),
        (whole(f"{HEAD}\ncompatibility: {'c' * 501}"), "1 to 500"),
    ],
)
def test_what_agent_skills_do_not_allow_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(DeclarationError, match=problem):
        read_frontmatter(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + whole(HEAD),
        whole(HEAD).replace(b"\n", b"\r\n"),
        b"---\nname: a\ndescription: b\n---",
    ],
)
def test_editors_may_write_it_in_their_way(content: bytes) -> None:
    assert read_frontmatter(content) == {"name": "a", "description": "b"}


def test_every_field_is_kept() -> None:
    text = f"{HEAD}\nlicense: MIT\nx-new: {{a: [1, null]}}"
    assert json.dumps(read_frontmatter(whole(text))) == (
        '{"name": "a", "description": "b", "license": "MIT", "x-new": {"a": [1, null]}}'
    )


def test_without_pyyaml_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert read_frontmatter(whole(HEAD)) == {"name": "a", "description": "b"}
    with pytest.raises(ConfigurationError, match=r"install lambent\[skills\]"):
        read_frontmatter(whole(f"{HEAD}\nmetadata: {{}}"))
