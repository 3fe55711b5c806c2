"""Events as AWS documents them, and what it does not: see the URL at each."""

import contextlib
import copy
from types import SimpleNamespace
from typing import Any

import pytest

from lambent.auth.authenticator import CredentialsError
from lambent.auth.load_balancer import Alb
from lambent.auth.platform import PlatformClaims, platform_authenticators
from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError, DeclarationError
from lambent.hosts.aws_lambda.events import format_of
from lambent.wire.http import Request

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_HblcSIjTD"


def http_api(authorizer: Any = None) -> Request:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    context: dict[str, Any] = {
        "accountId": "123456789012",
        "apiId": "api-id",
        "domainName": "id.execute-api.us-east-1.amazonaws.com",
        "http": {"method": "POST", "path": "/mcp", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
        "requestId": "id",
        "stage": "$default",
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    return read({"version": "2.0", "rawPath": "/mcp", "headers": {}, "requestContext": context})


def rest_api(authorizer: Any = None, **identity: Any) -> Request:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"""
    unsigned = ("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "user", "userArn")
    unsigned += ("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId")
    context: dict[str, Any] = {
        "accountId": "123456789012",
        "identity": {**dict.fromkeys(unsigned), "sourceIp": "192.0.2.1", "userAgent": "agent", **identity},
        "path": "/Prod/mcp",
        "stage": "Prod",
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    return read({"httpMethod": "POST", "path": "/mcp", "headers": {}, "requestContext": context})


def read(event: dict[str, Any]) -> Request:
    reader, _ = format_of(event)
    return reader(event, None)


def caller(request: Request, *kinds: Any) -> Principal | None:
    return PlatformClaims(*kinds).authenticate(request)


# JWT authorizers of HTTP APIs, and Cognito authorizers of REST APIs

# An event of an HTTP API with a Cognito access token, as https://github.com/DefinitelyTyped/DefinitelyTyped/pull/75458
# has recorded one: all values are text, and the scopes beside the claims are null.
CLAIMS = {
    "auth_time": "1787992402",
    "client_id": "5kek0i61pgkokoob4fsm9fo9it",
    "exp": "1787996002",
    "iss": ISSUER,
    "scope": "orders/read orders/write",
    "sub": "6418b458-d091-705e-122e-04bf2945fcdf",
    "token_use": "access",
    "username": "google_11511",
}
ADA = Principal(
    CLAIMS["sub"], ISSUER, frozenset({"orders/read", "orders/write"}), CLAIMS, CLAIMS["client_id"]
)


@pytest.mark.parametrize(
    "request_",
    [
        http_api({"jwt": {"claims": CLAIMS, "scopes": None}}),
        # On a route with scopes: granted is what the token says, not what stands beside it.
        http_api({"jwt": {"claims": CLAIMS, "scopes": ["orders/read", "orders/delete"]}}),
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-enable-cognito-user-pool.html
        rest_api({"claims": CLAIMS}),
        rest_api({"claims": CLAIMS, "scopes": None}),
    ],
    ids=["http-api", "http-api-scopes", "rest", "http-api-1.0"],
)
def test_claims_of_a_verified_token_identify_the_caller(request_: Request) -> None:
    assert caller(request_, "jwt") == ADA


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({}, set()),
        ({"scope": "a"}, {"a"}),
        ({"scope": "  a   b a "}, {"a", "b"}),
        ({"scp": "[a b]"}, {"a", "b"}),  # an array, as API Gateway writes it
        ({"scp": "[]"}, set()),
        ({"scp": "a b"}, {"a", "b"}),
        ({"scope": ["a", "b"]}, {"a", "b"}),
        ({"scope": ["a", 1, None, "", ["b"]]}, {"a"}),
        ({"scope": "a", "scp": "b"}, {"a"}),
        ({"scope": None, "scp": "b"}, {"b"}),
        ({"scope": ""}, set()),
        ({"scope": 7}, set()),
        ({"scope": True}, set()),
        ({"scope": {"a": 1}}, set()),
    ],
)
def test_scopes_of_claims(claims: dict[str, Any], scopes: set[str]) -> None:
    found = caller(
        http_api({"jwt": {"claims": {"sub": "ada", "iss": ISSUER, **claims}, "scopes": ["x"]}}), "jwt"
    )
    assert found is not None
    assert found.scopes == scopes


@pytest.mark.parametrize(
    ("claims", "client"),
    [
        ({"client_id": "c", "azp": "z"}, "c"),
        ({"azp": "z"}, "z"),
        ({"cid": "okta"}, "okta"),
        ({"appid": "entra"}, "entra"),
        ({"client_id": 7, "azp": None}, ""),
        ({"client_id": "\ud800"}, ""),
        ({}, ""),
    ],
)
def test_the_client_of_claims(claims: dict[str, Any], client: str) -> None:
    found = caller(rest_api({"claims": {"sub": "ada", "iss": ISSUER, **claims}}), "jwt")
    assert found is not None
    assert found.client_id == client


# Lambda authorizers


def test_a_lambda_authorizer_of_an_http_api_names_the_caller() -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html"""
    context = {"sub": "ada", "iss": "https://id.shop.example", "scopes": ["orders:read"], "tier": 7}
    assert caller(http_api({"lambda": context}), "lambda") == Principal(
        "ada", "https://id.shop.example", frozenset({"orders:read"}), claims=context
    )


def test_a_lambda_authorizer_of_a_rest_api_names_the_caller() -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html"""
    context = {
        "principalId": "ada",
        "scope": "a b",
        "numberKey": "1",
        "claims": "free",
        "integrationLatency": 12,
    }
    assert caller(rest_api(context), "lambda") == Principal(
        "ada", "lambda-authorizer", frozenset({"a", "b"}), claims=context
    )


def test_the_subject_that_a_context_names_goes_before_the_principal_id() -> None:
    found = caller(rest_api({"principalId": "user", "sub": "ada", "azp": "app"}), "lambda")
    assert found is not None
    assert (found.subject, found.client_id) == ("ada", "app")


# AWS credentials

USER = {
    "accessKey": "AKIAIOSFODNN7EXAMPLE",
    "accountId": "111122223333",
    "callerId": "AIDACKCEVSQ6C2EXAMPLE",
    "cognitoIdentity": None,
    "principalOrgId": "o-example",
    "userArn": "arn:aws:iam::111122223333:user/example-user",
    "userId": "AIDACKCEVSQ6C2EXAMPLE",
}
"""https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""
ROLE = {
    **USER,
    "userArn": "arn:aws:sts::111122223333:assumed-role/orders/worker-1",
    "userId": "AROADBQP57FF2AEXAMPLE:worker-1",
}
COGNITO = {
    **USER,
    "callerId": "AROA7ZJZYVRE7C3DUXHH6:CognitoIdentityCredentials",
    "cognitoIdentity": {
        "amr": ["authenticated"],
        "identityId": "us-east-1:3f291106-8703-466b-8f2b-3ecee1ca56ce",
        "identityPoolId": "us-east-1:4f291106-8703-466b-8f2b-3ecee1ca56ce",
    },
    "userArn": "arn:aws:sts::111122223333:assumed-role/pool/CognitoIdentityCredentials",
    "userId": "AROA7ZJZYVRE7C3DUXHH6:CognitoIdentityCredentials",
}


@pytest.mark.parametrize(
    ("iam", "subject", "issuer"),
    [
        (USER, "AIDACKCEVSQ6C2EXAMPLE", "arn:aws:iam::111122223333"),
        (ROLE, "AROADBQP57FF2AEXAMPLE:worker-1", "arn:aws:iam::111122223333"),
        (
            {**USER, "userArn": "arn:aws:iam::111122223333:root", "userId": "111122223333"},
            "111122223333",
            "arn:aws:iam::111122223333",
        ),
        (
            {**USER, "userArn": "arn:aws-us-gov:iam::111122223333:user/team/example-user"},
            "AIDACKCEVSQ6C2EXAMPLE",
            "arn:aws-us-gov:iam::111122223333",
        ),
        (COGNITO, "us-east-1:3f291106-8703-466b-8f2b-3ecee1ca56ce", "cognito-identity.amazonaws.com"),
    ],
    ids=["user", "role", "root", "gov-cloud", "cognito"],
)
def test_a_signed_request_identifies_its_caller(iam: dict[str, Any], subject: str, issuer: str) -> None:
    found = caller(http_api({"iam": iam}), "iam")
    assert found is not None
    assert (found.subject, found.issuer, found.scopes, found.client_id) == (subject, issuer, frozenset(), "")


def test_what_is_told_of_aws_credentials() -> None:
    found = caller(http_api({"iam": USER}), "iam")
    assert found is not None
    assert found.claims == {
        "userArn": "arn:aws:iam::111122223333:user/example-user",
        "accountId": "111122223333",
        "principalOrgId": "o-example",
    }


def test_two_sessions_of_one_role_are_two_callers() -> None:
    keys = set()
    for name in ("worker-1", "worker-2"):
        arn = f"arn:aws:sts::111122223333:assumed-role/orders/{name}"
        found = caller(
            http_api({"iam": {**ROLE, "userArn": arn, "userId": f"AROADBQP57FF2AEXAMPLE:{name}"}}), "iam"
        )
        assert found is not None
        keys.add(found.key)
    assert len(keys) == 2


REST_COGNITO = {
    "accountId": "123456789012",
    "caller": "AROAZUFPDMJL6KJM4LLZI:CognitoIdentityCredentials",
    "user": "AROAZUFPDMJL6KJM4LLZI:CognitoIdentityCredentials",
    "userArn": "arn:aws:sts::123456789012:assumed-role/auth/CognitoIdentityCredentials",
    "accessKey": "ASIAIOSFODNN7EXAMPLE",
    "apiKey": "a-secret-of-api-gateway",
    "cognitoIdentityId": "eu-west-1:db9476fd-de77-4977-839f-4f943ff5d684",
    "cognitoIdentityPoolId": "eu-west-1:2208d797-dfc9-40b4-8029-827c9e76e029",
    "cognitoAuthenticationType": "authenticated",
}
REST_USER = {
    "accountId": "123456789012",
    "caller": "AIDACKCEVSQ6C2EXAMPLE",
    "user": "AIDACKCEVSQ6C2EXAMPLE",
    "userArn": "arn:aws:iam::123456789012:user/ada",
}


def test_a_signed_request_to_a_rest_api() -> None:
    assert caller(rest_api(**REST_USER), "iam") == Principal(
        "AIDACKCEVSQ6C2EXAMPLE",
        "arn:aws:iam::123456789012",
        claims={"userArn": REST_USER["userArn"], "accountId": "123456789012"},
    )


def test_an_identity_of_a_pool_at_a_rest_api() -> None:
    found = caller(rest_api(**REST_COGNITO), "iam")
    assert found is not None
    assert (found.subject, found.issuer) == (
        REST_COGNITO["cognitoIdentityId"],
        "cognito-identity.amazonaws.com",
    )
    assert "a-secret" not in repr(found)
    assert "ASIA" not in repr(found)


# Nobody


def invoked(identity: Any, pool: Any = "us-east-1:4f291106-8703-466b-8f2b-3ecee1ca56ce") -> Request:
    """An invocation of the function itself."""
    told = SimpleNamespace(cognito_identity_id=identity, cognito_identity_pool_id=pool)
    return Request(context=SimpleNamespace(identity=told))


def test_an_identity_of_a_pool_that_has_invoked_the_function() -> None:
    identity = "us-east-1:3f291106-8703-466b-8f2b-3ecee1ca56ce"
    found = caller(invoked(identity), "iam")
    assert found == Principal(
        identity,
        "cognito-identity.amazonaws.com",
        claims={"cognitoIdentityPoolId": "us-east-1:4f291106-8703-466b-8f2b-3ecee1ca56ce"},
    )
    signed = caller(http_api({"iam": COGNITO}), "iam")
    assert signed is not None
    assert found.key == signed.key
    assert caller(invoked(identity, None), "iam") == Principal(identity, "cognito-identity.amazonaws.com")


@pytest.mark.parametrize("kind", ["jwt", "lambda", "iam"])
@pytest.mark.parametrize(
    "context", [invoked(None, None).context, SimpleNamespace(), SimpleNamespace(identity=None)]
)
def test_other_invocations_are_nobodys(kind: Any, context: Any) -> None:
    assert caller(Request(context=context), kind) is None


def test_an_identity_that_is_no_text_is_refused() -> None:
    with pytest.raises(CredentialsError, match="lacks the Cognito identity"):
        caller(invoked("\ud800"), "iam")


@pytest.mark.parametrize("kind", ["jwt", "lambda", "iam"])
@pytest.mark.parametrize(
    "request_",
    [
        http_api(),
        http_api({}),
        http_api({"jwt": None, "lambda": None, "iam": None}),
        rest_api(),
        rest_api({}),
        rest_api({"claims": None, "scopes": None}),
        rest_api({"integrationLatency": 12}),
        read({"httpMethod": "POST", "path": "/mcp", "headers": {}, "requestContext": {"elb": {}}}),
        Request(),
        Request(event={}),
        Request(event={"requestContext": None}),
        Request(event={"requestContext": "x"}),
        Request(event={"requestContext": {"identity": "x"}}),
        Request(event={"requestContext": {"identity": {}}}),
        Request(
            headers={"x-amzn-oidc-data": "x", "authorizer": "x", "x-amzn-request-context": '{"sub":"ada"}'}
        ),
    ],
)
def test_a_request_that_nobody_has_checked_is_nobodys(kind: Any, request_: Request) -> None:
    assert caller(request_, kind) is None


KINDS = {
    "jwt": http_api({"jwt": {"claims": CLAIMS}}),
    "claims": rest_api({"claims": CLAIMS}),
    "lambda": http_api({"lambda": {"sub": "ada"}}),
    "flat": rest_api({"principalId": "ada", "claims": CLAIMS, "jwt": "x", "iam": "x", "lambda": "x"}),
    "iam": http_api({"iam": USER}),
    "identity": rest_api(**REST_USER),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("kind", ["jwt", "lambda", "iam"])
def test_one_kind_is_never_taken_for_another(name: str, kind: Any) -> None:
    belongs = {"jwt": {"jwt", "claims"}, "lambda": {"lambda", "flat"}, "iam": {"iam", "identity"}}
    assert (caller(KINDS[name], kind) is not None) == (name in belongs[kind])


@pytest.mark.parametrize("name", KINDS)
def test_several_kinds_are_looked_for(name: str) -> None:
    assert caller(KINDS[name], "iam", "lambda", "jwt") is not None


# What does not identify a caller

MESSAGE = "What the platform says of the caller lacks "
UNREADABLE = "What the platform's authorizer says cannot be read"
NO_TEXT = ", or it is no text"
BAD: list[tuple[str, Request, str]] = [
    *(
        ("jwt", http_api({"jwt": {"claims": {**CLAIMS, "sub": value}}}), f"{MESSAGE}'sub'{NO_TEXT}")
        for value in (None, "", "  ", 7, True, 1.5, ["ada"], {"a": 1}, "a\nb", "a\x00b", "\ud800")
    ),
    *(
        ("jwt", rest_api({"claims": {**CLAIMS, "iss": value}}), f"{MESSAGE}'iss'{NO_TEXT}")
        for value in (None, "", 7, [ISSUER], {"a": 1})
    ),
    *(
        ("jwt", http_api({"jwt": jwt}), "The JWT authorizer hands on no claims")
        for jwt in ({}, {"claims": None}, {"claims": "x"}, {"claims": []}, {"claims": 7})
    ),
    ("jwt", rest_api({"claims": {}}), f"{MESSAGE}'sub'{NO_TEXT}"),
    *(("jwt", http_api({"jwt": jwt}), UNREADABLE) for jwt in ("x", 7, [], True)),
    *(("jwt", rest_api({"claims": claims}), UNREADABLE) for claims in ("x", 7, [CLAIMS])),
    *((kind, http_api(value), UNREADABLE) for kind in ("jwt", "lambda", "iam") for value in ("x", 7, [USER])),
    *(("lambda", http_api({"lambda": value}), UNREADABLE) for value in ("x", 7, ["ada"])),
    ("lambda", http_api({"lambda": {"tier": "free"}}), f"{MESSAGE}'principalId'{NO_TEXT}"),
    *(
        ("lambda", http_api({"lambda": {"sub": value, "principalId": "ada"}}), f"{MESSAGE}'sub'{NO_TEXT}")
        for value in ("", 7, ["ada"], {"a": 1}, False)
    ),
    *(
        ("lambda", rest_api({"principalId": value}), f"{MESSAGE}'principalId'{NO_TEXT}")
        for value in (None, "", 7, ["ada"])
    ),
    *(
        ("lambda", rest_api({"principalId": "ada", "iss": value}), f"{MESSAGE}'iss'{NO_TEXT}")
        for value in ("", 7, ["x"])
    ),
    *(("iam", http_api({"iam": value}), UNREADABLE) for value in ("x", 7, [USER])),
    ("iam", http_api({"iam": {}}), f"{MESSAGE}'userArn'{NO_TEXT}"),
    *(
        ("iam", http_api({"iam": {**USER, "userArn": value}}), f"{MESSAGE}'userArn'{NO_TEXT}")
        for value in (None, "", 7, ["x"], {"a": 1})
    ),
    *(
        (
            "iam",
            http_api({"iam": {**USER, "userArn": value}}),
            "The platform names AWS credentials by something that is no ARN of IAM",
        )
        for value in (
            "ada",
            "arn:aws:iam",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::abc:user/ada",
            "arn:aws:iam:::user/ada",
            "arn:aws:iam::٣:user/ada",
            "urn:aws:iam::111122223333:user/ada",
        )
    ),
    *(
        ("iam", http_api({"iam": {**USER, "userId": value}}), f"{MESSAGE}the user id{NO_TEXT}")
        for value in (None, "", 7, ["x"])
    ),
    *(
        ("iam", rest_api(**{**REST_USER, "user": value}), f"{MESSAGE}the user id{NO_TEXT}")
        for value in (None, 7)
    ),
    ("iam", rest_api(**{**REST_USER, "userArn": 7}), f"{MESSAGE}'userArn'{NO_TEXT}"),
    *(
        (
            "iam",
            http_api({"iam": {**COGNITO, "cognitoIdentity": value}}),
            "The platform's statement about AWS credentials cannot be read",
        )
        for value in ("x", 7, ["x"])
    ),
    *(
        (
            "iam",
            http_api({"iam": {**COGNITO, "cognitoIdentity": value}}),
            "Everybody in a Cognito identity pool has these credentials: the caller is not known",
        )
        for value in (None, {}, {"identityId": None})
    ),
    (
        "iam",
        rest_api(**{**REST_COGNITO, "cognitoIdentityId": None}),
        "Everybody in a Cognito identity pool has these credentials: the caller is not known",
    ),
    *(
        (
            "iam",
            rest_api(**{**REST_COGNITO, "cognitoIdentityId": value}),
            f"{MESSAGE}the Cognito identity{NO_TEXT}",
        )
        for value in ("", 7, ["x"])
    ),
]


@pytest.mark.parametrize(("kind", "request_", "message"), BAD, ids=[f"{i}-{b[0]}" for i, b in enumerate(BAD)])
def test_what_identifies_nobody_is_refused(kind: Any, request_: Request, message: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        caller(request_, kind)
    assert (caught.value.status, str(caught.value)) == (401, message)


VALUES: list[Any] = [
    None,
    0,
    -1.5,
    True,
    "",
    "x",
    "[",
    "]",
    "[a",
    [],
    [[]],
    [None],
    {},
    {"a": {"b": []}},
    "\ud800",
]
SOUND: list[tuple[Any, Any]] = [
    ("jwt", {"authorizer": {"jwt": {"claims": CLAIMS, "scopes": ["a"]}}, "http": {"method": "POST"}}),
    ("jwt", {"authorizer": {"claims": CLAIMS}, "identity": {}}),
    ("lambda", {"authorizer": {"lambda": {"sub": "ada", "iss": "x", "scope": "a", "client_id": "c"}}}),
    ("lambda", {"authorizer": {"principalId": "ada", "iss": "x", "scope": "a"}}),
    ("iam", {"authorizer": {"iam": COGNITO}}),
    ("iam", {"authorizer": {"iam": ROLE}}),
    ("iam", {"identity": REST_COGNITO}),
]


def _places(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    return [path, *(place for name, inner in value.items() for place in _places(inner, (*path, name)))]


@pytest.mark.parametrize("kind_and_context", SOUND)
def test_no_value_in_any_place_raises_anything_but_a_refusal(kind_and_context: tuple[Any, Any]) -> None:
    kind, sound = kind_and_context
    assert (
        caller(Request(authorizer=sound.get("authorizer"), event={"requestContext": sound}), kind) is not None
    )
    for path in _places(sound)[1:]:
        for value in VALUES:
            context = copy.deepcopy(sound)
            inner = context
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = value
            request = Request(authorizer=context.get("authorizer"), event={"requestContext": context})
            found = None
            with contextlib.suppress(CredentialsError):
                found = caller(request, kind)
            assert found is None or (found.key.encode() and isinstance(found.client_id, str))
            assert found is None or all(type(scope) is str for scope in found.scopes)


# Choosing


@pytest.mark.parametrize("kinds", [(), ("alb",), ("jwt", "oauth"), ("JWT",)])
def test_a_kind_that_there_is_not_is_refused(kinds: Any) -> None:
    with pytest.raises(DeclarationError, match=r"takes jwt, lambda, iam; for a load balancer there is Alb"):
        PlatformClaims(*kinds)


ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/my-balancer/50dc6c495c0c9188"


def test_the_setting_names_kinds() -> None:
    assert platform_authenticators([]) == []
    (claims,) = platform_authenticators(["iam", "jwt", "iam"])
    assert claims.authenticate(http_api({"iam": USER})) is not None
    assert claims.authenticate(http_api({"jwt": {"claims": CLAIMS}})) is not None
    assert claims.authenticate(http_api({"lambda": {"sub": "ada"}})) is None
    (_, balancer) = platform_authenticators(["alb", "lambda"], alb_arns=[ARN])
    assert isinstance(balancer, Alb)


@pytest.mark.parametrize(
    ("kinds", "arns", "message"),
    [
        (["jwt", "oauth"], [], r"LAMBENT_AUTH_PLATFORM takes jwt, lambda, iam, alb, not 'oauth'"),
        (["Jwt"], [], r"not 'Jwt'"),
        (["alb"], [], r"LAMBENT_AUTH_ALB_ARN"),
        (["alb"], ["my-balancer"], r"'my-balancer' is not the ARN of an Application Load Balancer"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(kinds: list[str], arns: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        platform_authenticators(kinds, alb_arns=arns)
