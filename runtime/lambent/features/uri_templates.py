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

MAX_URI_LENGTH = 8192
"""Characters. Longer URIs match nothing."""

_EXPRESSION = re.compile(r"\{([+#./;?&]?)([^{}]*)\}")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)(?::([1-9][0-9]{0,3})|(\*))?")


class _Operator(msgspec.Struct, frozen=True):
    """One row of RFC 6570, appendix A."""

    first: str
    separator: str
    characters: str
    named: bool = False


_OPERATORS = {
    "": _Operator("", ",", r"[^/?#,]"),
    "+": _Operator("", ",", r"[^?#]"),
    "#": _Operator("#", ",", r"."),
    ".": _Operator(".", ".", r"[^./?#]"),
    "/": _Operator("/", "/", r"[^/?#]"),
    ";": _Operator(";", ";", r"[^;/?#]", named=True),
    "?": _Operator("?", "&", r"[^&#]", named=True),
    "&": _Operator("&", "&", r"[^&#]", named=True),
}


class _Variable(msgspec.Struct, frozen=True):
    name: str
    operator: str
    length: int | None
    exploded: bool


class UriTemplate:
    """A compiled template.

    Args:
        template: such as ``orders://{order_id}/lines{?page}``.

    Attributes:
        variables: the names of its variables, in order.

    Raises:
        DeclarationError: it is not an RFC 6570 template, or URIs cannot be matched against it.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self._variables: dict[str, _Variable] = {}
        self._queried: set[str] = set()
        pattern = "".join(self._compile(template))
        self._pattern = re.compile(pattern, re.DOTALL)
        self.variables = tuple(self._variables)

    def match(self, uri: str) -> dict[str, str | list[str]] | None:
        """The values of the variables, percent-decoded; exploded ones as lists. None: the URI does not match.

        A URI does not match either if one of its values could point outside of a folder (a ``..`` segment, an
        absolute path, a drive, a control character), so no handler ever sees such a value.
        """
        if len(uri) > MAX_URI_LENGTH:
            return None
        from urllib.parse import unquote  # takes 2 ms; servers without templates do not need it

        path, query = self._split_query(uri)
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        raw = {name: text for name, text in found.groupdict().items() if text is not None}
        values: dict[str, str | list[str]] = {}
        for name, variable in self._variables.items():
            try:
                parts = query.get(name) if name in self._queried else self._parts(variable, raw.get(name))
                if parts is None:
                    continue
                decoded = [unquote(part, errors="strict") for part in parts]
            except UnicodeDecodeError:
                return None
            if variable.length is not None and any(len(part) > variable.length for part in decoded):
                return None
            if any(not _is_safe(part) for part in decoded):
                return None
            values[name] = decoded if variable.exploded else decoded[0]
        return values

    def _compile(self, template: str) -> Iterator[str]:
        parts: list[str | tuple[_Operator, list[_Variable]]] = []
        position = 0
        for expression in _EXPRESSION.finditer(template):
            if literal := self._literal(template[position : expression.start()]):
                parts.append(literal)
            sign = expression[1]
            if parts and not isinstance(parts[-1], str) and sign in ("", "+"):
                raise DeclarationError(f"{template}: put text between the variables at {expression[0]}")
            variables = [self._variable(text, sign) for text in expression[2].split(",")]
            if sign in ("?", "&"):
                self._queried.update(variable.name for variable in variables)
            else:
                parts.append((_OPERATORS[sign], variables))
            position = expression.end()
        if literal := self._literal(template[position:]):
            parts.append(literal)
        last = max((index for index, part in enumerate(parts) if not isinstance(part, str)), default=-1)
        for index, part in enumerate(parts):
            if isinstance(part, str):
                yield re.escape(part)
            else:
                operator, variables = part
                following = _beginning(parts[index + 1] if index + 1 < len(parts) else None)
                yield from _pattern_of(variables, operator, following, is_last=index == last)

    def _literal(self, text: str) -> str:
        if "{" in text or "}" in text:
            raise DeclarationError(f"{self.template}: unbalanced braces")
        return text

    def _variable(self, text: str, operator: str) -> _Variable:
        match = _VARIABLE.fullmatch(text)
        if match is None:
            raise DeclarationError(f"{self.template}: {text!r} is no variable")
        name, length, star = match.groups()
        if name in self._variables:
            raise DeclarationError(f"{self.template}: variable {name!r} appears twice")
        if not name.isidentifier():
            raise DeclarationError(f"{self.template}: {name!r} cannot be a parameter's name")
        variable = _Variable(name, operator, int(length) if length else None, star is not None)
        self._variables[name] = variable
        return variable

    def _split_query(self, uri: str) -> tuple[str, dict[str, list[str]]]:
        if not self._queried:
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

    @staticmethod
    def _parts(variable: _Variable, text: str | None) -> list[str] | None:
        if text is None:
            return None
        operator = _OPERATORS[variable.operator]
        if not variable.exploded:
            return [text.removeprefix("=") if operator.named else text]
        parts = text.removeprefix(operator.first).split(operator.separator)
        return [part.removeprefix(f"{variable.name}=") for part in parts] if operator.named else parts


def _beginning(part: str | tuple[_Operator, list[_Variable]] | None) -> str:
    """The fixed text with which a part of a template begins."""
    if part is None:
        return ""
    return part if isinstance(part, str) else part[0].first


def _pattern_of(
    variables: list[_Variable], operator: _Operator, following: str, *, is_last: bool
) -> Iterator[str]:
    """The pattern of an expression.

    Quantifiers are possessive, so that no text is tried twice. Only the last variable of the template may
    give characters back, to a literal at the end of the template.
    """
    for position, variable in enumerate(variables):
        lead = re.escape(operator.first if position == 0 else operator.separator)
        is_final = position == len(variables) - 1
        stop = following if is_final else operator.separator
        characters = operator.characters
        if operator.separator == ",":
            characters = characters.replace(",", "") if len(variables) == 1 else characters
        if stop and not (is_last and is_final):
            characters = f"(?:(?!{re.escape(stop)}){characters})"
        times = "+" if is_last and is_final else "++"
        name = variable.name
        if variable.exploded and operator.named:
            yield f"(?P<{name}>(?:{lead}{name}={operator.characters}*+)*+)"
        elif variable.exploded and operator.first:
            many = "+" if stop != operator.first or (is_last and is_final) else "{1}"
            yield f"(?P<{name}>(?:{lead}{operator.characters}++){many})"
        elif operator.named:
            yield f"(?:{lead}{name}(?P<{name}>(?:={operator.characters}*+)?+))?+"
        else:
            yield f"{lead}(?P<{name}>{characters}{times})"


def _is_safe(value: str) -> bool:
    """Whether a path made of the value stays in its folder (server/resources, "Security Considerations")."""
    if any(ord(character) < 0x20 or character == "\x7f" for character in value):
        return False
    if ".." in value.replace("\\", "/").split("/"):
        return False
    if value.startswith(("/", "\\")):
        return False
    return not (len(value) > 1 and value[1] == ":" and value[0].isalpha() and value[2:3] in ("", "/", "\\"))
