"""Matching URIs against RFC 6570 templates of all four levels.

RFC 6570 says how to expand a template and leaves matching to the application (section 1.4). Here a variable
ends at the first occurrence of the text that follows it in the template, and the last variable at the last
one. So the time of a match is proportional to the length of the URI. Query parameters may come in any order,
and some may be missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from lambent.errors import DeclarationError
from lambent.features.uris import authority_end, normalize_template, normalize_uri

MAX_URI_LENGTH = 8192
"""Characters. Longer URIs match nothing."""

_PART = re.compile(r"\{([+#./;?&]?)([^{}]*)\}|([^{}]+)|[{}]")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)(?::([1-9][0-9]{0,3})|(\*))?")


class _Operator(msgspec.Struct, frozen=True):
    """One row of RFC 6570, appendix A."""

    first: str
    separator: str
    characters: str
    named: bool = False
    in_query: bool = False


_OPERATORS = {
    "": _Operator("", ",", r"[^/?#,]"),
    "+": _Operator("", ",", r"[^?#]"),
    "#": _Operator("#", ",", r"."),
    ".": _Operator(".", ".", r"[^./?#]"),
    "/": _Operator("/", "/", r"[^/?#]"),
    ";": _Operator(";", ";", r"[^;/?#]", named=True),
    "?": _Operator("?", "&", r"[^&#]", named=True, in_query=True),
    "&": _Operator("&", "&", r"[^&#]", named=True, in_query=True),
}


class _Variable(msgspec.Struct, frozen=True):
    name: str
    operator: _Operator
    length: int
    exploded: bool


class _Part(msgspec.Struct, frozen=True):
    """A literal; or the variables of an expression, with the text that stands before the first of them.

    ``folded`` is the number of the literal's first characters whose case does not matter.
    """

    text: str
    variables: list[_Variable] = []
    folded: int = 0


class UriTemplate:
    """A compiled template.

    Args:
        template: such as ``orders://{order_id}/lines{?page}``.

    Attributes:
        variables: the names of its variables, in order.
        lists: the names of those whose values are lists.

    Raises:
        DeclarationError: it is not an RFC 6570 template, or URIs cannot be matched against it.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._variables: dict[str, _Variable] = {}
        self._pattern = re.compile("".join(_patterns(self._parse(template))), re.DOTALL)
        self._has_query = any(variable.operator.in_query for variable in self._variables.values())
        self.variables = tuple(self._variables)
        self.lists = frozenset(name for name, item in self._variables.items() if item.exploded)

    def renamed(self, template: str) -> UriTemplate:
        """Another template that takes the same values."""
        return UriTemplate(template)

    def match(self, uri: str) -> dict[str, str | list[str]] | None:
        """The values of the variables, percent-decoded; exploded ones as lists. None: the URI does not match.

        A URI does not match either if one of its values could point outside of a folder (a ``..`` segment, an
        absolute path, a drive, a control character), so no handler ever sees such a value.
        """
        if len(uri) > MAX_URI_LENGTH:
            return None
        from urllib.parse import unquote  # takes 2 ms; servers without templates do not need it

        path, query = self._split_query(normalize_uri(uri, host=False))
        found = self._pattern.fullmatch(path)
        # Values and the text around them may be a ``..`` segment together.
        if found is None or self._refuses_path(unquote(path)):
            return None
        values: dict[str, str | list[str]] = {}
        for name, variable in self._variables.items():
            parts = query.get(name) if variable.operator.in_query else _values(variable, found[name])
            if parts is None:
                continue
            try:
                decoded = [unquote(part, errors="strict") for part in parts]
            except UnicodeDecodeError:
                return None
            if not all(len(part) <= variable.length and self._takes(name, part) for part in decoded):
                return None
            values[name] = decoded if variable.exploded else decoded[0]
        return values

    def _refuses_path(self, path: str) -> bool:
        """Whether a decoded URI, without its query, is refused."""
        return _leaves_folder(path)

    def _takes(self, name: str, value: str) -> bool:
        """Whether a variable may have a value."""
        return _is_safe(value)

    def _parse(self, template: str) -> list[_Part]:
        parts: list[_Part] = []
        spelled = normalize_template(template)
        folded_end = authority_end(spelled)
        for match in _PART.finditer(spelled):
            sign, names, literal = match.groups()
            if literal is not None:
                parts.append(_Part(literal, folded=max(0, min(folded_end, match.end()) - match.start())))
                continue
            if names is None:
                raise DeclarationError(f"{template}: unbalanced braces")
            if parts and parts[-1].variables and sign in ("", "+"):
                raise DeclarationError(f"{template}: put text between the variables at {match[0]}")
            operator = _OPERATORS[sign]
            variables = [self._variable(text, operator) for text in names.split(",")]
            if not operator.in_query:
                parts.append(_Part(operator.first, variables))
        return parts

    def _variable(self, text: str, operator: _Operator) -> _Variable:
        match = _VARIABLE.fullmatch(text)
        if match is None:
            raise DeclarationError(
                f"{self.template}: {text!r} is no variable: write {{name}}, {{+name}} for text with slashes, "
                "or {name*} for a list"
            )
        name, length, star = match.groups()
        if name in self._variables:
            raise DeclarationError(f"{self.template}: variable {name!r} appears twice")
        if not name.isidentifier():
            raise DeclarationError(f"{self.template}: {name!r} cannot be a parameter's name")
        variable = _Variable(name, operator, int(length or MAX_URI_LENGTH), star is not None)
        self._variables[name] = variable
        return variable

    def _split_query(self, uri: str) -> tuple[str, dict[str, list[str]]]:
        if not self._has_query:
            return uri, {}
        path, mark, text = uri.partition("?")
        if "?" in self.template.partition("{?")[0]:
            # The template has a literal query before {&…}: it stays in the path that the pattern matches.
            literal, _, text = text.partition("&")
            path = f"{path}{mark}{literal}"
        query: dict[str, list[str]] = {}
        for pair in filter(None, text.split("&")):
            name, _, value = pair.partition("=")
            query.setdefault(name, []).append(value)
        return path, query


def _values(variable: _Variable, text: str | None) -> list[str] | None:
    """The values in the text that a variable's group matched."""
    operator = variable.operator
    if text is None:
        return None
    if not variable.exploded:
        return [text.removeprefix("=") if operator.named else text]
    values = text.removeprefix(operator.first).split(operator.separator)
    return [value.removeprefix(f"{variable.name}=") for value in values] if operator.named else values


def _patterns(parts: list[_Part]) -> Iterator[str]:
    last = next((part for part in reversed(parts) if part.variables), None)
    for part, following in zip(parts, [*parts[1:], _Part("")], strict=False):
        if part.variables:
            yield from _patterns_of(part.variables, following.text, is_last=part is last)
        else:
            folded, text = part.text[: part.folded], part.text[part.folded :]
            yield f"(?i:{re.escape(folded)}){re.escape(text)}"


def _patterns_of(variables: list[_Variable], following: str, *, is_last: bool) -> Iterator[str]:
    """The patterns of an expression's variables.

    Quantifiers are possessive, so that no text is tried twice. Only the last variable of the template may
    give characters back, to a literal at the end of the template.
    """
    operator = variables[0].operator
    for position, variable in enumerate(variables):
        is_final = position == len(variables) - 1
        gives_back = is_last and is_final
        lead = re.escape(operator.separator if position else operator.first)
        stop = following if is_final else operator.separator
        characters = operator.characters if len(variables) > 1 else operator.characters.replace(",", "")
        if stop and not gives_back:
            characters = f"(?:(?!{re.escape(stop)}){characters})"
        name, times = variable.name, "+" if gives_back else "++"
        if variable.exploded and operator.named:
            yield f"(?P<{name}>(?:{lead}{name}={operator.characters}*+)*+)"
        elif variable.exploded and operator.first:
            many = "+" if stop != operator.first or gives_back else "{1}"
            yield f"(?P<{name}>(?:{lead}{operator.characters}++){many})"
        elif operator.named:
            yield f"(?:{lead}{name}(?P<{name}>(?:={operator.characters}*+)?+))?+"
        else:
            yield f"{lead}(?P<{name}>{characters}{times})"


def _leaves_folder(path: str) -> bool:
    return ".." in path.replace("\\", "/").split("/")


def _is_safe(value: str) -> bool:
    """Whether a path made of the value stays in its folder (server/resources, "Security Considerations")."""
    if any(ord(character) < 0x20 or character == "\x7f" for character in value):
        return False
    if _leaves_folder(value):
        return False
    if value.startswith(("/", "\\")):
        return False
    return not (len(value) > 1 and value[1] == ":" and value[0].isalpha() and value[2:3] in ("", "/", "\\"))
