"""The setting ``LAMBENT_STORE``: where records are kept, as a URL."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from lambent.errors import ConfigurationError

_KINDS = "redis://<host>, rediss://<host>, dynamodb://<table> or memory://"

_URL = (
    "it must be redis://<user>:<password>@<host>:<port>/<database>, in a password with %23, %2F and %40 for "
    "#, / and @"
)

_OPTIONS = {"ssl_ca_certs", "ssl_cert_reqs", "ssl_certfile", "ssl_keyfile"}
"""Of redis-py, about TLS: everything else is the library's own affair."""


class Place(NamedTuple):
    """Where records are kept: one of these.

    Attributes:
        table: a DynamoDB table.
        redis: the URL of a Redis or Valkey.
        in_memory: the memory of this process.
    """

    table: str | None = None
    redis: str | None = None
    in_memory: bool = False


def read_store(text: str, table: str | None) -> Place:
    """Read the setting, beside which ``LAMBENT_TABLE`` may be set.

    Raises:
        ConfigurationError: it cannot be read, or both are set; no message has a password of it.
    """
    if table:
        raise ConfigurationError(
            "LAMBENT_STORE and LAMBENT_TABLE are both set: where are records kept? Set one of them"
        )
    scheme, mark, rest = text.partition("://")
    match scheme if mark else "":
        case "memory":
            if rest:
                raise ConfigurationError(
                    "LAMBENT_STORE is memory:// with something behind it: nothing belongs there"
                )
            return Place(in_memory=True)
        case "dynamodb":
            if not rest or any(one in rest for one in "?#@ "):
                raise ConfigurationError("LAMBENT_STORE names no table: it must be dynamodb://<table>")
            return Place(table=rest)
        case "redis" | "rediss":
            _check(text)
            return Place(redis=text)
    shown = f"of the kind {scheme!r}" if mark else "without a kind"
    raise ConfigurationError(f"LAMBENT_STORE must be {_KINDS}, and is one {shown}")


def _check(url: str) -> None:
    if find_spec("redis") is None:
        raise ConfigurationError("LAMBENT_STORE needs redis-py: install the extra lambent[redis]")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"LAMBENT_STORE has a host or port that cannot be read: {_URL}") from None
    if not parts.hostname or port == 0:
        raise ConfigurationError("LAMBENT_STORE names no host: it must be redis://<host>:<port>/<database>")
    database = parts.path.removeprefix("/")
    if database and not database.isdecimal():
        raise ConfigurationError(f"LAMBENT_STORE has a database that is no number: {database!r}")
    if parts.fragment:
        raise ConfigurationError("LAMBENT_STORE has a '#': in a password it is written as %23")
    unknown = sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} - _OPTIONS)
    if unknown:
        raise ConfigurationError(
            f"LAMBENT_STORE has the option {unknown[0]!r}: there are {', '.join(sorted(_OPTIONS))}"
        )
    if parts.query and parts.scheme == "redis":
        raise ConfigurationError("LAMBENT_STORE has options for TLS: it must begin with rediss://")
