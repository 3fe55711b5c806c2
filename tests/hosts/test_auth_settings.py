"""The variables that say how callers are identified: what they declare, and what is refused."""

from typing import Any

import pytest

from lambent import ConfigurationError, Introspection, MCPServer, OAuth, Settings
from lambent.hosts.auth_settings import AuthSettings, read_auth

ISSUER = "https://login.test"


def read(**variables: str) -> AuthSettings:
    return read_auth({f"LAMBENT_AUTH_{name}": value for name, value in variables.items()})


def declared(**variables: str) -> tuple[Any, ...]:
    return read(**variables).declared()


def test_nothing() -> None:
    assert read() == AuthSettings()
    assert declared() == ()
    assert declared(ISSUER="", AUDIENCE=" ", CLIENT_IDS="", ENTERPRISE_HEADER="") == ()
    assert declared(ANONYMOUS="true", LEEWAY="5") == ()


def test_the_least() -> None:
    assert declared(ISSUER=ISSUER) == (OAuth(issuer=ISSUER),)


def test_everything() -> None:
    found = declared(
        ISSUER=ISSUER,
        AUDIENCE="https://a.test/mcp, api://b",
        SCOPES="a b",
        SCOPES_SUPPORTED="a,b,c",
        CLIENT_IDS="client-1",
        LEEWAY="2.5",
        JWKS_URL=f"{ISSUER}/keys",
        REQUIRES_DPOP="TRUE",
        INTROSPECTION_URL=f"{ISSUER}/introspect",
        INTROSPECTION_CLIENT_ID="shop",
        INTROSPECTION_CLIENT_SECRET="secret, with a comma",
        ENTERPRISE_HEADER="X-Enterprise-Token",
        ENTERPRISE_ISSUER="https://idp.test",
        ENTERPRISE_AUDIENCE="company",
    )
    introspection = Introspection(
        url=f"{ISSUER}/introspect", client_id="shop", client_secret="secret, with a comma"
    )
    enterprise = OAuth(issuer="https://idp.test", audience="company", header="X-Enterprise-Token", leeway=2.5)
    assert found == (
        enterprise,
        OAuth(
            issuer=ISSUER,
            audience=["https://a.test/mcp", "api://b"],
            scopes=("a", "b"),
            scopes_supported=("a", "b", "c"),
            client_ids="client-1",
            leeway=2.5,
            jwks_url=f"{ISSUER}/keys",
            introspection=introspection,
            requires_dpop=True,
        ),
    )


def test_several_issuers() -> None:
    assert declared(ISSUER=f" {ISSUER} ,https://b.test\n")[0].issuers == (ISSUER, "https://b.test")


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"AUDIENCE": "a"}, "LAMBENT_AUTH_AUDIENCE needs LAMBENT_AUTH_ISSUER"),
        ({"CLIENT_IDS": "a"}, "LAMBENT_AUTH_CLIENT_IDS needs LAMBENT_AUTH_ISSUER"),
        ({"SCOPES": "a"}, "LAMBENT_AUTH_SCOPES needs LAMBENT_AUTH_ISSUER"),
        ({"SCOPES": "a", "PLATFORM": "jwt"}, "LAMBENT_AUTH_SCOPES needs LAMBENT_AUTH_ISSUER"),
        ({"SCOPE_PREFIX": "a"}, "LAMBENT_AUTH_SCOPE_PREFIX needs LAMBENT_AUTH_ISSUER"),
        ({"REGISTRATION_CLIENT_ID": "a"}, "LAMBENT_AUTH_REGISTRATION_CLIENT_ID needs LAMBENT_AUTH_ISSUER"),
        ({"ISSUER": f"{ISSUER}/.well-known/openid-configuration"}, f"such as {ISSUER!r}"),
        ({"JWKS_URL": "https://a.test"}, "LAMBENT_AUTH_JWKS_URL needs LAMBENT_AUTH_ISSUER"),
        ({"INTROSPECTION_URL": "https://a.test"}, "LAMBENT_AUTH_INTROSPECTION_URL needs LAMBENT_AUTH_ISSUER"),
        ({"REQUIRES_DPOP": "true"}, "LAMBENT_AUTH_REQUIRES_DPOP needs LAMBENT_AUTH_ISSUER"),
        ({"ENTERPRISE_HEADER": "X-A"}, "need each other"),
        ({"ENTERPRISE_ISSUER": ISSUER}, "need each other"),
        ({"ISSUER": ISSUER, "ENTERPRISE_ISSUER": ISSUER}, "need each other"),
        ({"ISSUER": "http://login.test"}, "must be an https URL"),
        ({"ISSUER": "login.test"}, "must be an https URL"),
        ({"ISSUER": ISSUER, "JWKS_URL": "http://login.test"}, "must be an https URL"),
        ({"ISSUER": ISSUER, "INTROSPECTION_URL": "http://login.test"}, "must be https"),
        ({"ISSUER": ISSUER, "SCOPES": 'a"'}, "is no scope"),
        ({"ISSUER": ISSUER, "LEEWAY": "301"}, "leeway must be 0 to 300"),
    ],
    ids=str,
)
def test_what_is_declared_badly(variables: dict[str, str], named: str) -> None:
    """Above all nothing that leaves a server open which was to be closed."""
    with pytest.raises(ConfigurationError, match="LAMBENT_AUTH_") as caught:
        declared(**variables)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [{"LEEWAY": value} for value in ("-1", "a", "1.2.3", ".", "1e2", "nan")] + [{"REQUIRES_DPOP": "maybe"}],
    ids=str,
)
def test_what_cannot_be_read(variables: dict[str, str]) -> None:
    (name,) = variables
    with pytest.raises(ConfigurationError, match=f"LAMBENT_AUTH_{name}"):
        read(**variables)


@pytest.mark.parametrize("variables", [{"ISSUERS": ISSUER}, {"ISSUER": ISSUER, "SCOPE": "a"}], ids=str)
def test_misspelled_names(variables: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=f"LAMBENT_AUTH_{list(variables)[-1]} is no setting"):
        read(**variables)
    read(**dict.fromkeys(variables, ""))


@pytest.mark.parametrize("variables", [{}, {"LAMBENT_AUTH_ISSUER": ""}])
def test_where_anonymous_callers_are_refused_somebody_has_to_be_known(variables: dict[str, str]) -> None:
    settings = Settings.from_env({"LAMBENT_AUTH_ANONYMOUS": "false", **variables})
    with pytest.raises(ConfigurationError, match="LAMBENT_AUTH_ANONYMOUS is false and nothing says who may"):
        MCPServer("shop").lambda_handler(settings)
    MCPServer("shop", auth=OAuth(issuer=ISSUER)).lambda_handler(settings)


@pytest.mark.parametrize("name", ["LEEWAY", "ALB_ARN", "ENTERPRISE_AUDIENCE"])
def test_rules_for_callers_leave_no_server_open(name: str) -> None:
    variables = {f"LAMBENT_AUTH_{name}": "5"}
    with pytest.raises(ConfigurationError, match="none of them says who may call"):
        MCPServer("shop").lambda_handler(Settings.from_env(variables))
    MCPServer("shop", auth=OAuth(issuer=ISSUER, audience="a")).asgi(Settings.from_env(variables))
    variables["LAMBENT_AUTH_ANONYMOUS"] = "true"
    MCPServer("shop").lambda_handler(Settings.from_env(variables))


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMBENT_AUTH_ISSUER", ISSUER)
    monkeypatch.setenv("LAMBENT_AUTH_INTROSPECTION_URL", f"{ISSUER}/introspect")
    monkeypatch.setenv("LAMBENT_AUTH_INTROSPECTION_CLIENT_SECRET", "very secret")
    settings = Settings.from_env()
    assert settings.auth is not None
    for shown in (repr(settings), str(settings), repr(settings.auth), repr(settings.auth.declared())):
        assert "very secret" not in shown
    assert ISSUER in repr(settings.auth)


def test_without_variables_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.from_env().auth is None
