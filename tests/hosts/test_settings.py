"""Settings, variable by variable."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.support import SECRET, Client, full_server

from lambent import ConfigurationError, RateLimit, Settings
from lambent.stores.keys import MissingKeys, ProcessKeys, StaticKeys
from lambent.stores.secrets import SecretKeys
from lambent.wire.http import HttpPolicy

OTHER = SECRET[::-1]


def test_without_variables_there_are_defaults() -> None:
    assert Settings.from_env({}) == Settings()
    defaults = msgspec.structs.asdict(Settings())
    assert defaults["state_keys"] == ()
    assert defaults["state_ttl"] == 900
    assert defaults["audience"] is None
    assert defaults["allowed_origins"] == frozenset()
    assert defaults["body_limit"] == 6_291_456
    assert defaults["listen_seconds"] is None
    assert defaults["in_lambda"] is False


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("LAMBENT_STATE_KEYS", SECRET, "state_keys", (SECRET,)),
        ("LAMBENT_STATE_KEYS", f" {SECRET} ,{OTHER},", "state_keys", (SECRET, OTHER)),
        ("LAMBENT_STATE_KEYS", "", "state_keys", ()),
        ("LAMBENT_STATE_KEYS", " , ", "state_keys", ()),
        ("LAMBENT_STATE_SECRET", "prod/state", "state_secret", "prod/state"),
        ("LAMBENT_STATE_SECRET", "", "state_secret", None),
        ("LAMBENT_STATE_TTL", "60", "state_ttl", 60),
        ("LAMBENT_STATE_TTL", " 60 ", "state_ttl", 60),
        ("LAMBENT_STATE_TTL", "", "state_ttl", 900),
        ("LAMBENT_STATE_TTL", "0", "state_ttl", 0),
        ("LAMBENT_AUDIENCE", "orders-prod", "audience", "orders-prod"),
        ("LAMBENT_AUDIENCE", "", "audience", None),
        (
            "LAMBENT_ALLOWED_ORIGINS",
            "https://a.example, https://b.example",
            "allowed_origins",
            frozenset({"https://a.example", "https://b.example"}),
        ),
        ("LAMBENT_ALLOWED_ORIGINS", "*", "allowed_origins", frozenset({"*"})),
        ("LAMBENT_ALLOWED_ORIGINS", "", "allowed_origins", frozenset()),
        ("LAMBENT_BODY_LIMIT", "1000", "body_limit", 1_000),
        ("LAMBENT_BODY_LIMIT", "", "body_limit", 6_291_456),
        ("LAMBENT_RESPONSE_LIMIT", "1000", "response_limit", 1_000),
        ("LAMBENT_RESPONSE_LIMIT", "0", "response_limit", 0),
        ("LAMBENT_RESPONSE_LIMIT", "", "response_limit", None),
        ("LAMBENT_RESPONSE_MODE", " Stream ", "response_mode", "stream"),
        ("LAMBENT_RESPONSE_MODE", "buffered", "response_mode", "buffered"),
        ("LAMBENT_RESPONSE_MODE", "", "response_mode", "buffered"),
        ("LAMBENT_LISTEN_SECONDS", "1.5", "listen_seconds", 1.5),
        ("LAMBENT_LISTEN_SECONDS", "0", "listen_seconds", 0.0),
        ("LAMBENT_LISTEN_SECONDS", "", "listen_seconds", None),
        ("LAMBENT_DRAIN_SECONDS", "2.5", "drain_seconds", 2.5),
        ("LAMBENT_AUDIT", "log, eventbridge:audit", "audit", ("log", "eventbridge:audit")),
        ("LAMBENT_AUDIT", "", "audit", ()),
        ("LAMBENT_AUDIT_ARGUMENTS", "full", "audit_arguments", "full"),
        ("LAMBENT_AUDIT_ARGUMENTS", "", "audit_arguments", "digest"),
        ("LAMBENT_AUDIT_REQUIRED", "True", "audit_required", True),
        ("LAMBENT_AUDIT_REQUIRED", "false", "audit_required", False),
        ("LAMBENT_AUDIT_REQUIRED", "", "audit_required", False),
        ("LAMBENT_DRAIN_SECONDS", "0", "drain_seconds", 0.0),
        ("LAMBENT_DRAIN_SECONDS", "", "drain_seconds", 10.0),
        ("LAMBENT_PUBLIC_URL", "https://mcp.example.com", "public_url", "https://mcp.example.com"),
        ("LAMBENT_PUBLIC_URL", " http://localhost:3000/v1/ ", "public_url", "http://localhost:3000/v1"),
        ("LAMBENT_PUBLIC_URL", "", "public_url", None),
        ("LAMBENT_MCP_PATH", "/orders/mcp", "mcp_path", "/orders/mcp"),
        ("LAMBENT_MCP_PATH", "/mcp/", "mcp_path", "/mcp"),
        ("LAMBENT_MCP_PATH", "", "mcp_path", None),
        ("LAMBENT_HEALTH_PATH", "/up/", "health_path", "/up"),
        ("LAMBENT_HEALTH_PATH", " / ", "health_path", "/"),
        ("LAMBENT_HEALTH_PATH", "", "health_path", "/health"),
        ("LAMBENT_MCP_PATH", "/", "mcp_path", None),
        ("LAMBENT_READY_PATH", "/readyz", "ready_path", "/readyz"),
        ("LAMBENT_READY_PATH", "", "ready_path", "/ready"),
        ("LAMBENT_SHUTDOWN_DELAY", "7.5", "shutdown_delay", 7.5),
        ("LAMBENT_SHUTDOWN_DELAY", "", "shutdown_delay", 0.0),
        ("LAMBENT_PAGE", "off", "page", False),
        ("LAMBENT_PAGE", " Off ", "page", False),
        ("LAMBENT_PAGE", "false", "page", False),
        ("LAMBENT_PAGE", "0", "page", False),
        ("LAMBENT_PAGE", "on", "page", True),
        ("LAMBENT_PAGE", "true", "page", True),
        ("LAMBENT_PAGE", "1", "page", True),
        ("LAMBENT_PAGE", "", "page", True),
        ("LAMBENT_CARDS", "/opt/cards.json", "cards", "/opt/cards.json"),
        ("LAMBENT_CARDS", "", "cards", None),
        ("LAMBENT_LIMIT_CALLS", "100/60", "limit_calls", RateLimit(calls=100, per=60)),
        ("LAMBENT_LIMIT_CALLS", " 5 / 0.5 ", "limit_calls", RateLimit(calls=5, per=0.5)),
        ("LAMBENT_LIMIT_CALLS", "", "limit_calls", None),
        ("LAMBENT_LIMIT_TASKS", " 5 ", "limit_tasks", 5),
        ("LAMBENT_LIMIT_TASKS", "", "limit_tasks", None),
        ("LAMBENT_METRICS", " Shop/MCP ", "metrics", "Shop/MCP"),
        ("LAMBENT_METRICS", "", "metrics", None),
        ("LAMBENT_TRACER", "1", "tracer", True),
        ("LAMBENT_TRACER", "0", "tracer", False),
        ("LAMBENT_OTEL", " True ", "otel", True),
        ("LAMBENT_OTEL", "false", "otel", False),
        ("LAMBENT_CALL_LOG", "1", "call_log", True),
        ("LAMBENT_SEPARATE_WORKERS", "true", "separate_workers", True),
        ("LAMBENT_CALL_LOG", "", "call_log", False),
        ("LAMBENT_AGENTCORE", "true", "agentcore", True),
        ("LAMBENT_AGENTCORE", "0", "agentcore", False),
        ("LAMBENT_AUTH_ANONYMOUS", "true", "anonymous", True),
        ("LAMBENT_AUTH_ANONYMOUS", "0", "anonymous", False),
        ("LAMBENT_AUTH_ANONYMOUS", "", "anonymous", None),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11", "is_escaped", True),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13", "is_escaped", False),
        ("AWS_LAMBDA_FUNCTION_NAME", "orders", "in_lambda", True),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start", "snap_start", True),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand", "snap_start", False),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency", "provisioned", True),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand", "provisioned", False),
    ],
)
def test_each_variable_sets_one_thing(name: str, text: str, attribute: str, value: Any) -> None:
    settings = Settings.from_env({name: text})
    assert getattr(settings, attribute) == value
    assert msgspec.structs.replace(settings, **{attribute: getattr(Settings(), attribute)}) == Settings()


@pytest.mark.parametrize(
    "name",
    [
        "LAMBENT_STATE_TTL",
        "LAMBENT_BODY_LIMIT",
        "LAMBENT_RESPONSE_LIMIT",
        "LAMBENT_LISTEN_SECONDS",
        "LAMBENT_DRAIN_SECONDS",
    ],
)
@pytest.mark.parametrize("text", ["x", "-1", "1,5", "nan", "inf", "-inf", "1e999", "0x10", "10s", "1 000"])
def test_numbers_that_cannot_be_used_are_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({name: text})
    assert str(caught.value) == f"{name} must be a number, 0 or more, not {text!r}"


def test_a_response_mode_that_there_is_not() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"LAMBENT_RESPONSE_MODE": "sse"})
    assert str(caught.value) == "LAMBENT_RESPONSE_MODE must be buffered or stream, not 'sse'"


@pytest.mark.parametrize(
    "name",
    [
        "LAMBENT_TRACER",
        "LAMBENT_OTEL",
        "LAMBENT_CALL_LOG",
        "LAMBENT_AGENTCORE",
        "LAMBENT_AUDIT_REQUIRED",
        "LAMBENT_AUTH_ANONYMOUS",
    ],
)
@pytest.mark.parametrize("text", ["2", "yes", "maybe", "1,0"])
def test_switches_that_cannot_be_read_are_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({name: text})
    assert str(caught.value) == f"{name} must be true or false, not {text!r}"


def test_a_page_that_is_neither_on_nor_off_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"LAMBENT_PAGE": "prod"})
    assert str(caught.value) == "LAMBENT_PAGE must be on or off, not 'prod'"


@pytest.mark.parametrize("text", ["AWS/Lambda", ":shop", "shop mcp", "Größe", "x" * 256, 'a"b'])
def test_namespaces_that_cloudwatch_refuses_are_named(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"LAMBENT_METRICS": text})
    assert (
        str(caught.value) == f"LAMBENT_METRICS must be a CloudWatch namespace such as Shop/MCP, not {text!r}"
    )


@pytest.mark.parametrize(
    ("settings", "has"),
    [
        (Settings(), False),
        (Settings(metrics="Shop"), True),
        (Settings(tracer=True), True),
        (Settings(otel=True), True),
        (Settings(call_log=True), True),
    ],
)
def test_whether_there_is_telemetry(settings: Settings, has: bool) -> None:
    assert settings.has_telemetry is has


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBENT_STATE_TTL", "61")
    assert Settings.from_env().state_ttl == 61


@pytest.mark.parametrize("keys", [("short",), (SECRET, "short"), ("x" * 31,), ("é" * 31,)])
def test_secrets_that_are_too_short_are_refused_and_not_shown(keys: tuple[str, ...]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^LAMBENT_STATE_KEYS must hold secrets of at least 32"
    ) as caught:
        _ = Settings(state_keys=keys).keys
    assert "openssl rand -hex 32" in str(caught.value)
    assert not any(key in str(caught.value) for key in keys)


def test_a_handler_is_not_made_of_settings_that_cannot_be_used() -> None:
    with pytest.raises(ConfigurationError, match="LAMBENT_STATE_KEYS"):
        full_server().lambda_handler(Settings(state_keys=("short",)))


def test_two_rings_are_one_too_many() -> None:
    with pytest.raises(ConfigurationError, match="LAMBENT_STATE_KEYS and LAMBENT_STATE_SECRET are both set"):
        full_server().lambda_handler(Settings(state_keys=(SECRET,), state_secret="prod/state"))


def test_keys_by_surroundings() -> None:
    assert isinstance(Settings(state_keys=(SECRET,), in_lambda=True).keys, StaticKeys)
    assert isinstance(Settings(state_keys=(SECRET,)).keys, StaticKeys)
    assert isinstance(Settings(state_secret="prod/state", in_lambda=True).keys, SecretKeys)
    assert isinstance(Settings(in_lambda=True).keys, MissingKeys)
    assert isinstance(Settings().keys, ProcessKeys)


def test_the_policy_is_made_of_the_settings() -> None:
    settings = Settings(body_limit=5, allowed_origins=frozenset({"*"}))
    assert settings.http_policy == HttpPolicy(body_limit=5, allowed_origins=frozenset({"*"}))


@pytest.mark.parametrize("url", ["https://Tools.example.com", "https://tools.example.com/v1/two"])
def test_pages_of_the_public_url_are_the_servers_own(url: str) -> None:
    settings = Settings(public_url=url, allowed_origins=frozenset({"https://app.example.com"}))
    origins = frozenset({"https://app.example.com", "https://tools.example.com"})
    assert settings.http_policy.allowed_origins == origins


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Settings().state_ttl = 1  # type: ignore[misc]


def test_settings_do_not_show_their_secrets() -> None:
    assert SECRET not in repr(Settings(state_keys=(SECRET,)))


def test_a_handler_reads_the_environment_by_itself(
    serve: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBENT_BODY_LIMIT", "10")
    handler = full_server().lambda_handler()
    assert Client(handler).call("add", {"a": 1}).status == 413
    monkeypatch.setenv("LAMBENT_BODY_LIMIT", "ten")
    with pytest.raises(ConfigurationError, match=re.escape("LAMBENT_BODY_LIMIT")):
        full_server().lambda_handler()


@pytest.mark.parametrize(
    "text",
    [
        "mcp.example.com",
        "ftp://mcp.example.com",
        "https://",
        "https:///mcp",
        "https://u:p@mcp.example.com",
        "https://mcp.example.com?a=b",
        "https://mcp.example.com#a",
        "https://mcp.example .com",
    ],
)
def test_urls_that_cannot_be_used_are_named(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"LAMBENT_PUBLIC_URL": text})
    assert str(caught.value).startswith(
        "LAMBENT_PUBLIC_URL must be a URL such as https://mcp.example.com, not"
    )


@pytest.mark.parametrize(
    "text",
    ["100", "100/", "/60", "0/60", "-1/60", "1.5/60", "100/0", "100/-1", "1/nan", "1/inf", "1/2/3", "x/y"],
)
def test_rates_that_cannot_be_used_are_named(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"LAMBENT_LIMIT_CALLS": text})
    message = f"LAMBENT_LIMIT_CALLS must be calls and seconds, such as 100/60, not {text!r}"
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["0", "-1", "1001", "1.5", "x"])
def test_numbers_of_tasks_that_cannot_be_used_are_named(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({"LAMBENT_LIMIT_TASKS": text})
    assert str(caught.value) == f"LAMBENT_LIMIT_TASKS must be a number of tasks, 1 to 1000, not {text!r}"


@pytest.mark.parametrize("text", ["mcp", "https://mcp", "/mcp?a", "/a b"])
@pytest.mark.parametrize("name", ["LAMBENT_MCP_PATH", "LAMBENT_HEALTH_PATH", "LAMBENT_READY_PATH"])
def test_paths_that_cannot_be_used_are_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_env({name: text})
    assert str(caught.value) == f"{name} must be a path such as /mcp, not {text!r}"
