"""URIs as clients send them back: spelled in another way than a server has declared them.

Clients parse the URIs that a server lists, and send what their parser writes: the scheme in lower case,
spaces and text outside of ASCII percent-encoded, the port of the scheme left out (RFC 3986, section 6.2;
WHATWG URL).
"""

from __future__ import annotations

import re

from lambent.errors import DeclarationError

_PLAIN = re.compile(
    r"(?!(?:https?|wss?|ftp|file):|.*xn--)"
    r"[a-z][a-z0-9+.\-]*:(?://[a-z0-9.\-_{}]*)?(?:/(?!/)[A-Za-z0-9\-._~!$&'()*+,;=:@/{}]*)?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+|%|[\x00-\x20\"<>\\^`|\x7f]+")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_EXPRESSION = re.compile(r"\{[^{}]*\}")
_ENDS_IN_PATH = re.compile(r"[^:]*://(?:[^/?#{}]|\{[^{}]*\})*\{[+/#][^{}]*\}(?:\{[?&][^{}]*\})*")
"""A template whose path is in an expression, so that no slash stands behind it."""

_LABEL = re.compile(r"(?<![^.@])xn--([a-z0-9-]{1,59})(?![^.:])", re.IGNORECASE)
_MASK = re.compile("[\ue000-\uf8ff]")
"""Characters for private use, which stand for the expressions of a template."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:[/?#]|$)", re.IGNORECASE)
_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}


def check_uri(uri: str) -> None:
    """Refuse a URI, or a template of URIs, that clients cannot send back.

    Raises:
        DeclarationError: it has no scheme, or is no URI (RFC 3986, section 3), or clients make another one
            of it (WHATWG URL): an ``https`` URI without a host, a backslash, a path with dot segments.
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or _SCHEME.fullmatch(scheme) is None:
        raise DeclarationError(
            f"{uri}: a resource's URI starts with a scheme, of letters, digits, '+', '-' and '.', as in notes://x"
        )
    if _CONTROL.search(uri) is not None or uri != uri.strip():
        raise DeclarationError(f"{uri!r}: a URI holds no control characters and no space around it")
    if scheme.lower() in _PORTS and re.match(r"//[^/?#\\]", rest) is None:
        raise DeclarationError(f"{uri}: such a URI names a host after //")
    if "\\" in rest and scheme.lower() in (*_PORTS, "file"):
        raise DeclarationError(f"{uri}: clients turn the backslash into /: write /, or %5C")
    if _DOT_SEGMENT.search(rest) is not None:
        raise DeclarationError(
            f"{uri}: clients leave out the path segments . and ..: write the path without them"
        )
    if rest.startswith("//"):
        authority = re.split(r"[/?#]", _EXPRESSION.sub("{}", rest[2:]))[0].rpartition("@")[2]
        port = authority.rpartition("]")[2].partition(":")[2]
        is_number = port.isascii() and port.isdigit() and len(port) < 6
        if port and "{" not in port and not (is_number and int(port) < 65536):
            raise DeclarationError(
                f"{uri}: what follows the colon after a host is a port: {port!r} is no number below 65536"
            )


def normalize_uri(uri: str, *, host: bool = True) -> str:
    """The one spelling by which URIs are compared.

    Text outside of ASCII is decoded (RFC 3987, section 3). ``host=False`` leaves the case of the authority,
    which may hold the value of a template's variable.
    """
    if _PLAIN.fullmatch(uri) is not None:
        return uri
    scheme, colon, rest = uri.partition(":")
    if not colon or _SCHEME.fullmatch(scheme) is None:
        return _ENCODED.sub(_normal, uri)
    scheme = scheme.lower()
    rest = _ENCODED.sub(_normal, rest)
    if scheme == "file":
        rest = rest if rest.startswith("//") else f"///{rest.removeprefix('/')}"
        rest = re.sub(r"^//localhost(?=[/?#]|$)", "//", rest, flags=re.IGNORECASE)
    if not rest.startswith("//"):
        return f"{scheme}:{rest}"
    authority, path = _split(rest[2:])
    if scheme in _PORTS:
        authority = authority.removesuffix(f":{_PORTS[scheme]}")
    if scheme in (*_PORTS, "file"):
        authority = _LABEL.sub(_unicode_label, authority)
        path = path if path.startswith("/") else f"/{path}"
    return f"{scheme}://{_lower_host(authority) if host else authority}{path}"


def normalize_template(template: str) -> str:
    """A template whose text is spelled as URIs are by ``normalize_uri``, with ``host=False``."""
    if _MASK.search(template) is not None:
        return template  # no parser of URIs writes these as they are
    expressions = _EXPRESSION.findall(template)
    masks = iter(range(0xE000, 0xF8FF))  # for private use: no URI needs them
    normal = normalize_uri(_EXPRESSION.sub(lambda _: chr(next(masks)), template), host=False)
    if _ENDS_IN_PATH.fullmatch(template) is not None:
        normal = normal.removesuffix("/")
    return _MASK.sub(lambda mask: expressions[ord(mask[0]) - 0xE000], normal)


def authority_end(uri: str) -> int:
    """Where the authority of a URI or template ends: up to there, text is the same in either case."""
    scheme, colon, rest = uri.partition(":")
    start = len(scheme) + len(colon)
    if not rest.startswith("//"):
        return start
    return start + 2 + re.search(r"$|[/?#]|\{[/?#]", rest[2:]).start()  # type: ignore[union-attr]


def _split(rest: str) -> tuple[str, str]:
    end = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
    return rest[:end], rest[end:]


def _lower_host(authority: str) -> str:
    user, at, name = authority.rpartition("@")
    return f"{user}{at}{name.lower()}"


def _unicode_label(match: re.Match[str]) -> str:
    """A label of a host outside of ASCII, which clients send in ASCII (RFC 5890, section 2.3.2.1)."""
    try:
        label = match[1].lower().encode().decode("punycode")
        label.encode()
        return label
    except UnicodeError:
        return match[0]


def _normal(match: re.Match[str]) -> str:
    text = match[0]
    if text == "%":
        return "%25"
    octets = bytes.fromhex(text.replace("%", "")) if text[0] == "%" else text.encode()
    return "".join(map(_spelled, octets.decode("utf-8", "surrogateescape")))


def _spelled(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # no UTF-8
        return f"%{code - 0xDC00:02X}"
    return character if code > 0x7F or character in _UNRESERVED else f"%{code:02X}"
