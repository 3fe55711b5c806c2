"""The settings of a deployment."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from lambent.errors import ConfigurationError, DeclarationError
from lambent.stores.keys import MissingKeys, ProcessKeys, StaticKeys
from lambent.wire.http import DEFAULT_BODY_LIMIT, HttpPolicy
from lambent.wire.payloads import is_escaped

if TYPE_CHECKING:
    from lambent.execution.ports import Keys
    from lambent.features.limits import RateLimit
    from lambent.hosts.auth_settings import AuthSettings
    from lambent.hosts.events_settings import EventSettings

DEFAULT_HEALTH_PATH = "/health"

DEFAULT_READY_PATH = "/ready"

IN_MEMORY = "memory:"
"""In place of a table's name: what a table would have is kept in the process, as ``lambent dev`` does."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a deployment.

    Each attribute but the last five has a variable, such as ``LAMBENT_STATE_KEYS``; commas separate lists.

    Attributes:
        state_keys: the secrets that seal request state; the first one seals, all of them open.
        state_secret: name or ARN of a secret of Secrets Manager, whose current and previous version are used
            instead.
        state_ttl: seconds for which a user can answer a question.
        audience: distinguishes this server from others with the same keys; default: the server's name.
        allowed_origins: browser origins besides the API's own host and localhost; ``*`` for all.
        body_limit: bytes of a request body, or of a line of stdio.
        response_limit: bytes of an HTTP response, as Lambda counts them: of the JSON that a function returns;
            0 for any number; default: what Lambda takes, and outside of Lambda any number.
        response_mode: of Lambda. ``stream``: responses to Function URLs and REST APIs, which have to be set
            to streams too, leave while calls run; ``buffered``: when they are whole.
        listen_seconds: how long a subscription is held open; default: 0.25 buffered, 600 live, 60 on a stream
            of Lambda.
        drain_seconds: how long what runs may go on when the process is to end.
        table: the DynamoDB table of tasks, sessions and idempotent calls; also as ``LAMBENT_STORE``.
        redis: the URL of a Redis or Valkey in place of the table: ``LAMBENT_STORE``.
        task_queue_url: the SQS queue of the tasks that workers run.
        bucket: the S3 bucket for arguments and results that are too large for an item.
        public_url: without the endpoint's path; default: that by which the platform routed the request.
        mcp_path: the path of the endpoint below that.
        health_path: where load balancers ask whether the host is well; None for nowhere.
        ready_path: where load balancers ask whether a live host wants requests; None for nowhere.
        shutdown_delay: how long a live host serves on after SIGTERM, in seconds, while it is not ready.
        page: browsers get a page for people at the path of the endpoint.
        cards: the file that describes all servers of the deployment, made by ``lambent card --bundle``.
        auth: how callers are identified where the server does not declare it; None for nobody.
        anonymous: requests without credentials are let through, as calls of nobody. False: there has to be a
            way to identify callers. None: only where there is none.
        limit_calls: the rate of one caller's requests, in place of ``Limits.rate``; ``100/60`` is 100 calls
            in 60 seconds.
        limit_tasks: how many tasks of one caller may run at once, in place of ``Limits.tasks``.
        events: how occurrences are delivered to endpoints: ``LAMBENT_EVENTS_…``.
        audit: where audit records go: ``log``, ``eventbridge:<bus>``, ``firehose:<stream>``,
            ``dynamodb:<table>``, ``dynamodb`` for the server's own table; nothing is recorded without any.
        audit_arguments: what they say of arguments: ``digest``, ``redacted`` or ``full``.
        audit_required: a call whose record cannot be written is answered with an error.
        metrics: the CloudWatch namespace of the metrics of calls; None for no metrics.
        tracer: whether each call is an X-Ray subsegment.
        otel: whether each call is an OpenTelemetry span.
        call_log: whether each call is a line in the log.
        separate_workers: processes that serve leave tasks and deliveries in a Redis to ``lambent worker``.
        agentcore: the function is a target of Amazon Bedrock AgentCore Gateway too.
        in_memory: ``LAMBENT_TABLE`` is ``memory:``, or ``LAMBENT_STORE`` ``memory://``: this process keeps
            what a table would have.
        is_escaped: Lambda's runtime client escapes every character but ASCII ones.
        in_lambda: this process is one of many execution environments.
        snap_start: Lambda takes a snapshot of this process after initialization, and starts copies of it.
        provisioned: Lambda has initialized this process before there was a request for it.
    """

    state_keys: tuple[str, ...] = ()
    state_secret: str | None = None
    state_ttl: int = 900
    audience: str | None = None
    allowed_origins: frozenset[str] = frozenset()
    body_limit: int = DEFAULT_BODY_LIMIT
    response_limit: int | None = None
    response_mode: str = "buffered"
    listen_seconds: float | None = None
    drain_seconds: float = 10.0
    table: str | None = None
    redis: str | None = None
    task_queue_url: str | None = None
    bucket: str | None = None
    public_url: str | None = None
    mcp_path: str | None = None
    health_path: str | None = DEFAULT_HEALTH_PATH
    ready_path: str | None = DEFAULT_READY_PATH
    shutdown_delay: float = 0.0
    page: bool = True
    cards: str | None = None
    auth: AuthSettings | None = None
    anonymous: bool | None = None
    limit_calls: RateLimit | None = None
    limit_tasks: int | None = None
    events: EventSettings | None = None
    audit: tuple[str, ...] = ()
    audit_arguments: str = "digest"
    audit_required: bool = False
    metrics: str | None = None
    tracer: bool = False
    otel: bool = False
    call_log: bool = False
    separate_workers: bool = False
    agentcore: bool = False
    in_memory: bool = False
    is_escaped: bool = True
    in_lambda: bool = False
    snap_start: bool = False
    provisioned: bool = False

    def __repr__(self) -> str:
        """All settings except the secrets."""
        secret = ("state_keys", "redis")
        shown = [f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in secret]
        return f"Settings({', '.join(shown)})"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from environment variables, by default those of the process.

        Raises:
            ConfigurationError: a variable cannot be read; the message names it.
        """
        environ = os.environ if environ is None else environ
        table, redis, in_memory = _place(environ)
        return cls(
            state_keys=tuple(_list(environ, "LAMBENT_STATE_KEYS")),
            state_secret=environ.get("LAMBENT_STATE_SECRET") or None,
            state_ttl=int(_number(environ, "LAMBENT_STATE_TTL", 900) or 0),
            audience=environ.get("LAMBENT_AUDIENCE") or None,
            allowed_origins=frozenset(_list(environ, "LAMBENT_ALLOWED_ORIGINS")),
            body_limit=int(_number(environ, "LAMBENT_BODY_LIMIT", DEFAULT_BODY_LIMIT) or 0),
            response_limit=_whole(environ, "LAMBENT_RESPONSE_LIMIT"),
            response_mode=_response_mode(environ),
            listen_seconds=_number(environ, "LAMBENT_LISTEN_SECONDS", None),
            drain_seconds=10.0
            if (drain := _number(environ, "LAMBENT_DRAIN_SECONDS", None)) is None
            else drain,
            table=table,
            redis=redis,
            task_queue_url=environ.get("LAMBENT_TASK_QUEUE_URL") or None,
            bucket=environ.get("LAMBENT_BUCKET") or None,
            public_url=_url(environ, "LAMBENT_PUBLIC_URL"),
            mcp_path=_path(environ, "LAMBENT_MCP_PATH"),
            health_path=_path(environ, "LAMBENT_HEALTH_PATH", root="/") or DEFAULT_HEALTH_PATH,
            ready_path=_path(environ, "LAMBENT_READY_PATH", root="/") or DEFAULT_READY_PATH,
            shutdown_delay=_number(environ, "LAMBENT_SHUTDOWN_DELAY", None) or 0.0,
            page=_page(environ),
            cards=environ.get("LAMBENT_CARDS") or None,
            auth=_auth(environ),
            anonymous=_switch(environ, "LAMBENT_AUTH_ANONYMOUS"),
            limit_calls=_rate(environ, "LAMBENT_LIMIT_CALLS"),
            limit_tasks=_most(environ, "LAMBENT_LIMIT_TASKS"),
            events=_events(environ),
            audit=tuple(_list(environ, "LAMBENT_AUDIT")),
            audit_arguments=environ.get("LAMBENT_AUDIT_ARGUMENTS") or "digest",
            audit_required=_flag(environ, "LAMBENT_AUDIT_REQUIRED"),
            metrics=_namespace(environ, "LAMBENT_METRICS"),
            tracer=_flag(environ, "LAMBENT_TRACER"),
            otel=_flag(environ, "LAMBENT_OTEL"),
            call_log=_flag(environ, "LAMBENT_CALL_LOG"),
            separate_workers=_flag(environ, "LAMBENT_SEPARATE_WORKERS"),
            agentcore=_flag(environ, "LAMBENT_AGENTCORE"),
            in_memory=in_memory,
            is_escaped=is_escaped(environ.get("AWS_EXECUTION_ENV")),
            in_lambda="AWS_LAMBDA_FUNCTION_NAME" in environ,
            snap_start=environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start",
            provisioned=environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency",
        )

    @property
    def keys(self) -> Keys:
        """The secrets that these settings name.

        Raises:
            ConfigurationError: both ``state_keys`` and ``state_secret`` are set.
        """
        if self.state_keys and self.state_secret is not None:
            raise ConfigurationError(
                "LAMBENT_STATE_KEYS and LAMBENT_STATE_SECRET are both set: which one seals? Set one of them"
            )
        if self.state_secret is not None:
            from lambent.stores.secrets import SecretKeys

            return SecretKeys(self.state_secret)
        if self.state_keys:
            return StaticKeys(self.state_keys)
        return MissingKeys() if self.in_lambda else ProcessKeys()

    @property
    def has_store(self) -> bool:
        """Records are kept where other processes find them."""
        return self.table is not None or self.redis is not None

    @property
    def has_telemetry(self) -> bool:
        """Something is told of each call."""
        return self.metrics is not None or self.tracer or self.otel or self.call_log

    @property
    def http_policy(self) -> HttpPolicy:
        """The limits and origins for HTTP requests; pages of the public URL are the server's own."""
        origins = self.allowed_origins
        if self.public_url is not None:
            origins |= {"/".join(self.public_url.lower().split("/", 3)[:3])}
        return HttpPolicy(body_limit=self.body_limit, allowed_origins=origins)


def _auth(environ: Mapping[str, str]) -> AuthSettings | None:
    prefixes = ("LAMBENT_AUTH_", "LAMBENT_API_KEYS")
    found = [name for name, value in environ.items() if value and name.startswith(prefixes)]
    if found in ([], ["LAMBENT_AUTH_ANONYMOUS"]):
        return None
    from lambent.hosts.auth_settings import read_auth  # loaded where callers are identified

    return read_auth(environ)


def _events(environ: Mapping[str, str]) -> EventSettings | None:
    if not any(value and name.startswith("LAMBENT_EVENTS_") for name, value in environ.items()):
        return None
    # loaded where occurrences are delivered to endpoints
    from lambent.hosts.events_settings import read_events

    return read_events(environ)


def _place(environ: Mapping[str, str]) -> tuple[str | None, str | None, bool]:
    """The table, the Redis, and whether records are in memory: one of them, or none."""
    table, redis, name = environ.get("LAMBENT_TABLE") or None, None, "LAMBENT_TABLE"
    in_memory = table == IN_MEMORY
    if store := environ.get("LAMBENT_STORE", "").strip():
        from lambent.hosts.store_settings import read_store  # loaded where it is set

        name = "LAMBENT_STORE"
        table, redis, in_memory = read_store(store, table)
    if not in_memory:
        return table, redis, False
    if "AWS_LAMBDA_RUNTIME_API" in environ:  # set by Lambda itself, and not by ``lambent dev``
        raise ConfigurationError(
            f"{name} is {environ[name].strip()!r}, and environments of Lambda share no memory: name a table"
        )
    return None, None, True


def _list(environ: Mapping[str, str], name: str) -> list[str]:
    return [item for item in map(str.strip, environ.get(name, "").split(",")) if item]


def _url(environ: Mapping[str, str], name: str) -> str | None:
    text = environ.get(name, "").strip().rstrip("/")
    if not text:
        return None
    scheme, _, rest = text.partition("://")
    authority = rest.partition("/")[0]
    if scheme not in ("https", "http") or not authority or any(mark in rest for mark in "@?# "):
        raise ConfigurationError(f"{name} must be a URL such as https://mcp.example.com, not {text!r}")
    return text


def _path(environ: Mapping[str, str], name: str, root: str = "") -> str | None:
    """A path without the slash in its end; ``root`` stands for a slash alone."""
    given = environ.get(name, "").strip()
    text = given.rstrip("/") or (given and root)
    if text and (not text.startswith("/") or any(mark in text for mark in "?# ")):
        raise ConfigurationError(f"{name} must be a path such as /mcp, not {text!r}")
    return text or None


def _rate(environ: Mapping[str, str], name: str) -> RateLimit | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    from lambent.features.limits import RateLimit  # loaded where a limit is set

    calls, _, seconds = text.partition("/")
    try:
        return RateLimit(calls=int(calls), per=float(seconds))
    except (ValueError, DeclarationError):
        problem = f"{name} must be calls and seconds, such as 100/60, not {text!r}"
        raise ConfigurationError(problem) from None


def _most(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    if not text:
        return None
    from lambent.features.limits import Limits  # as above

    try:
        return Limits(tasks=int(text)).tasks
    except (ValueError, DeclarationError):
        raise ConfigurationError(f"{name} must be a number of tasks, 1 to 1000, not {text!r}") from None


def _page(environ: Mapping[str, str]) -> bool:
    text = environ.get("LAMBENT_PAGE", "").strip().lower()
    # YAML reads ``off`` without quotes as a truth value, and CloudFormation passes that on as ``false``.
    if text not in ("", "on", "off", "true", "false", "1", "0"):
        raise ConfigurationError(f"LAMBENT_PAGE must be on or off, not {text!r}")
    return text not in ("off", "false", "0")


def _response_mode(environ: Mapping[str, str]) -> str:
    text = environ.get("LAMBENT_RESPONSE_MODE", "").strip().lower() or "buffered"
    if text not in ("buffered", "stream"):
        raise ConfigurationError(f"LAMBENT_RESPONSE_MODE must be buffered or stream, not {text!r}")
    return text


def _flag(environ: Mapping[str, str], name: str) -> bool:
    return _switch(environ, name) or False


def _switch(environ: Mapping[str, str], name: str) -> bool | None:
    text = environ.get(name, "").strip().lower()
    if text not in ("", "0", "1", "false", "true"):
        raise ConfigurationError(f"{name} must be true or false, not {text!r}")
    return text in ("1", "true") if text else None


def _namespace(environ: Mapping[str, str], name: str) -> str | None:
    text = environ.get(name, "").strip()
    is_valid = text.isascii() and all(one.isalnum() or one in ".-_/#:" for one in text) and len(text) <= 255
    if not is_valid or text.startswith((":", "AWS/")):
        raise ConfigurationError(f"{name} must be a CloudWatch namespace such as Shop/MCP, not {text!r}")
    return text or None


def _whole(environ: Mapping[str, str], name: str) -> int | None:
    number = _number(environ, name, None)
    return None if number is None else int(number)


def _number(environ: Mapping[str, str], name: str, default: float | None) -> float | None:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < math.inf:
        raise ConfigurationError(f"{name} must be a number, 0 or more, not {text!r}")
    return number
