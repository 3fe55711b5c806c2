"""The front matter of SKILL.md: YAML between two lines of dashes, as JSON (Agent Skills, "Frontmatter").

Most front matter is lines of text, which need no parser of YAML: it takes longer to load than the rest of a
cold start. What is not read here is read by ``yaml_frontmatter``; a test compares the two.
"""

from __future__ import annotations

import re
from typing import Any

from lambent.errors import DeclarationError

MAX_BYTES = 64 * 1024
"""Of the front matter: hosts have that of every skill in memory."""

_WHOLE = re.compile(r"---\r?\n(.*?)\r?\n---(?:\r?\n|\Z)", re.DOTALL)
_LINE = re.compile(r"(  )?([A-Za-z][A-Za-z0-9_-]*):(?: +(.*))?")
_QUOTED = re.compile(r"\"[^\"\\]*\"|'[^']*'")
_NAME = re.compile(r"(?!.*--)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
"""Which are no text in one version of YAML or another."""


def read_frontmatter(content: bytes) -> dict[str, Any]:
    """The front matter of a SKILL.md, with every field of it.

    Raises:
        DeclarationError: there is none, or it is not as Agent Skills has it.
    """
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        raise DeclarationError("SKILL.md is no text in UTF-8") from None
    found = _WHOLE.match(text)
    if found is None or len(found[1]) > MAX_BYTES:
        raise DeclarationError(
            "SKILL.md begins with a line ---, then name: and description:, then a line ---"
        )
    fields = read_lines(found[1])
    if fields is None:
        from lambent.features.skills.yaml_frontmatter import read_yaml  # loaded where it is more than lines

        fields = read_yaml(found[1])
    _check(fields)
    return fields


def read_lines(text: str) -> dict[str, Any] | None:
    """The fields of front matter that is lines of text, one level deep at most; None where it is more."""
    fields: dict[str, Any] = {}
    inner: dict[str, str] | None = None
    for line in text.replace("\r\n", "\n").split("\n"):
        found = _LINE.fullmatch(line)
        if found is None or not line.isprintable():
            return None
        indent, key, value = found.groups()
        into: dict[str, Any] | None = inner if indent else fields
        if into is None or key in into or key.lower() in _WORDS:
            return None
        if not (value or "").rstrip(" "):
            if indent or inner == {}:
                return None
            fields[key] = inner = {}
            continue
        text_value = _text(value.rstrip(" "))
        if text_value is None or (not indent and inner == {}):
            return None
        into[key] = text_value
        if not indent:
            inner = None
    return None if inner == {} else fields


def _text(value: str) -> str | None:
    """The text that a value is in every version of YAML; None where it may be something else."""
    if _QUOTED.fullmatch(value) is not None:
        return value[1:-1]
    is_plain = value[0].isalpha() and ": " not in value and " #" not in value and value[-1] != ":"
    return value if is_plain and value.lower() not in _WORDS else None


def _check(fields: dict[str, Any]) -> None:
    name, description = fields.get("name"), fields.get("description")
    if not isinstance(name, str) or not is_skill_name(name):
        raise DeclarationError(f"name is 1 to 64 of a-z, 0-9 and single '-' between them, not {name!r}")
    if not isinstance(description, str) or not description.strip() or len(description) > 1024:
        raise DeclarationError(f"{name}: description is text of 1 to 1024 characters")
    for field, kinds in _KINDS.items():
        if field in fields and not isinstance(fields[field], kinds):
            raise DeclarationError(f"{name}: {field} is {_SHOWN[kinds]}")
    if not 1 <= len(fields.get("compatibility", " ")) <= 500:
        raise DeclarationError(f"{name}: compatibility is text of 1 to 500 characters")


_KINDS: dict[str, type | tuple[type, ...]] = {
    "license": str,
    "compatibility": str,
    "metadata": dict,
    "allowed-tools": (str, list),
}
_SHOWN: dict[Any, str] = {str: "text", dict: "a mapping", (str, list): "text, or a list of text"}


def is_skill_name(text: str) -> bool:
    """Whether a text can be the name of a skill."""
    return _NAME.fullmatch(text) is not None
