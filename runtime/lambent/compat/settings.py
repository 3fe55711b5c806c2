"""What the constructor of ``MCPServer`` takes besides the server's declarations, and what becomes of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec

from lambent.compat.errors import PAGE
from lambent.errors import ConfigurationError

_LINE = "%(levelname)s %(name)s: %(message)s"
"""How a record is written."""

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
"""Addresses of this machine alone: servers on them are protected against DNS rebinding by default."""


class TransportSecuritySettings(msgspec.Struct):
    """Which ``Host`` and ``Origin`` headers ``streamable_http_app`` accepts.

    Attributes:
        enable_dns_rebinding_protection: the headers are checked; False: every host and every origin may call.
        allowed_hosts: such as ``mcp.example.com``; ``mcp.example.com:*`` for any port.
        allowed_origins: such as ``https://app.example.com``, with ``:*`` for any port.
    """

    enable_dns_rebinding_protection: bool = True
    allowed_hosts: list[str] = []
    allowed_origins: list[str] = []

    def takes_host(self, host: str) -> bool:
        """Whether a request with this ``Host`` header is answered; there has to be one."""
        return _is_among(host, self.allowed_hosts)

    def takes_origin(self, origin: str) -> bool:
        """Whether a request with this ``Origin`` header is answered; one without it always is."""
        return not origin or _is_among(origin, self.allowed_origins)


LOCAL_SECURITY = TransportSecuritySettings(
    allowed_hosts=["127.0.0.1:*", "localhost:*", "[::1]:*"],
    allowed_origins=["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"],
)


class RequestStateSecurity:
    """The keys and the lifetime of request states, in place of the settings of the deployment.

    Args:
        keys: secrets of at least 32 bytes; the first one seals, all of them open.
        codec: not supported: states are sealed by this library.
        ttl: seconds for which a state can be used.
        bind_principal: not used: a state is always its caller's.
        audience: distinguishes the server from others with the same keys; default: its name.

    Raises:
        ValueError: there is no key, or one is too short, or the lifetime is none.
        ConfigurationError: ``codec`` is given.
    """

    def __init__(
        self,
        *,
        keys: Sequence[bytes | bytearray | str] | None = None,
        codec: Any = None,
        ttl: float = 600.0,
        bind_principal: Any = None,
        audience: str | None = None,
    ) -> None:
        if codec is not None:
            raise ConfigurationError(
                f"States are sealed with AES-256-GCM here, so codec= is not supported: give keys= ({PAGE})"
            )
        if not keys or any(len(key.encode() if isinstance(key, str) else key) < 32 for key in keys):
            raise ValueError("keys has at least one secret, and each has at least 32 bytes")
        if not 0 < ttl < math.inf:
            raise ValueError(f"ttl is a number of seconds, not {ttl}")
        self._keys: tuple[str, ...] = tuple(key if isinstance(key, str) else key.hex() for key in keys)
        self.ttl = ttl
        self.audience = audience

    @classmethod
    def ephemeral(cls, *, ttl: float = 600.0, audience: str | None = None) -> RequestStateSecurity:
        """The keys of the deployment, which are those of this process where there are none.

        In Lambda, where another process may handle the next round, there have to be some.
        """
        made = cls(keys=[bytes(32)], ttl=ttl, audience=audience)
        made._keys = ()
        return made

    def as_settings(self) -> dict[str, Any]:
        """What it replaces of the settings of a deployment."""
        replaced: dict[str, Any] = {"state_ttl": math.ceil(self.ttl)}
        if self._keys:
            replaced |= {"state_keys": self._keys, "state_secret": None}
        return replaced if self.audience is None else {**replaced, "audience": self.audience}


def _is_among(value: str, allowed: Iterable[str]) -> bool:
    return any(value.startswith(one[:-1]) if one.endswith(":*") else value == one for one in allowed if value)


class ServerSettings(msgspec.Struct, kw_only=True):
    """``MCPServer.settings``: read when an application is made or run, so it may be changed until then.

    Attributes:
        debug: ``streamable_http_app`` shows tracebacks of custom routes.
        log_level: of the root logger and of uvicorn, set by ``run``.
        host: the address that ``run`` binds for HTTP.
        port: the port that ``run`` binds for HTTP.
        streamable_http_path: the path of the endpoint in ``streamable_http_app``.
        json_response: HTTP responses are JSON alone: what is sent before them, such as progress, is dropped.
        max_request_body_size: bytes of a request body; None: as the settings of the deployment say.
        warn_on_duplicate_tools: a second tool of one name is ignored with a line in the log, else without.
        warn_on_duplicate_resources: the same for resources.
        warn_on_duplicate_prompts: the same for prompts.
        transport_security: of ``streamable_http_app``.
        auth: who issues tokens.
        lifespan: the server's.
        dependencies: kept and not used: a package's dependencies are in its metadata.
        stateless_http: kept and not used: every request is independent.
        mount_path: kept and not used: an application is mounted by ``Mount``.
        sse_path: kept and not used: there is no HTTP+SSE.
        message_path: as above.
        session_idle_timeout: kept and not used: no session is kept in the process.
        max_sessions: as above.
    """

    debug: bool = False
    log_level: str = "INFO"
    host: str = "127.0.0.1"
    port: int = 8000
    streamable_http_path: str = "/mcp"
    max_request_body_size: int | None = None
    warn_on_duplicate_tools: bool = True
    warn_on_duplicate_resources: bool = True
    warn_on_duplicate_prompts: bool = True
    transport_security: Any = None
    auth: Any = None
    lifespan: Any = None
    dependencies: list[str] = []
    json_response: bool = False
    stateless_http: bool = False
    mount_path: str = "/"
    sse_path: str = "/sse"
    message_path: str = "/messages/"
    session_idle_timeout: float | None = None
    max_sessions: int | None = None

    def configure_logging(self) -> None:
        """Have the root logger write to standard error at this level, unless the program has set it up."""
        logging.basicConfig(level=self.log_level.upper(), format=_LINE)


def get_logger(name: str) -> logging.Logger:
    """The logger of a module."""
    return logging.getLogger(name)


def configure_logging(
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO",
) -> None:
    """Have the root logger write to standard error at a level, unless the program has set it up."""
    logging.basicConfig(level=level, format=_LINE)
