"""Callers whom AWS has identified: claims of API Gateway's authorizers, and signatures of AWS credentials.

Only the event's ``requestContext`` is read, which the platform writes, and never a header.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from lambent.auth.access_tokens import CLIENT_CLAIMS
from lambent.auth.authenticator import CredentialsError
from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError, DeclarationError
from lambent.wire.http import Request

if TYPE_CHECKING:
    from lambent.auth.authenticator import AuthDeclaration

LAMBDA_ISSUER = "lambda-authorizer"
"""The issuer of callers for whom a Lambda authorizer names none."""

COGNITO_ISSUER = "cognito-identity.amazonaws.com"
"""The issuer of the identities of Cognito identity pools."""

_COGNITO_SESSION = "CognitoIdentityCredentials"

# What is told of a caller with AWS credentials, without the access key id and the API key beside it.
_IAM_CLAIMS = (
    *("userArn", "accountId", "principalOrgId", "cognitoIdentity", "cognitoIdentityPoolId"),
    *("cognitoAuthenticationType", "cognitoAuthenticationProvider"),
)


class PlatformClaims:
    """Believes what the platform says of the caller, where it has checked the credentials itself.

    Args:
        kinds: what is believed, in the order in which it is looked for: ``jwt``, the claims of a JWT
            authorizer (HTTP API) or Cognito authorizer (REST API); ``lambda``, the context of a Lambda
            authorizer; ``iam``, the AWS credentials of a signed request (Function URL, HTTP API, REST API),
            or of an invocation of the function itself, where they are of a Cognito identity pool.

    Raises:
        DeclarationError: there is no kind, or no such kind.
    """

    def __init__(self, *kinds: Literal["jwt", "lambda", "iam"]) -> None:
        if not kinds or not set(kinds) <= _READERS.keys():
            raise DeclarationError(
                f"PlatformClaims takes {_named(_READERS)}; for a load balancer there is Alb(arn=...)"
            )
        self._readers = [_READERS[kind] for kind in dict.fromkeys(kinds)]

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator.authenticate``; None where the platform has let the request pass unchecked.

        Raises:
            CredentialsError: 401, what the platform says does not identify a caller.
        """
        for read in self._readers:
            if (principal := read(request)) is not None:
                return principal
        return None


def platform_authenticators(
    kinds: Sequence[str],
    *,
    alb_arns: Sequence[str] = (),
    alb_clients: Collection[str] = (),
) -> list[AuthDeclaration]:
    """The authenticators that ``LAMBENT_AUTH_PLATFORM`` names.

    Args:
        kinds: those of ``PlatformClaims``, and ``alb``.
        alb_arns: see ``Alb``.
        alb_clients: see ``Alb``.

    Raises:
        ConfigurationError: a kind is unknown, or what it needs is not set.
    """
    for kind in kinds:
        if kind != "alb" and kind not in _READERS:
            raise ConfigurationError(
                f"LAMBENT_AUTH_PLATFORM takes {_named([*_READERS, 'alb'])}, not {kind!r}"
            )
    found: list[AuthDeclaration] = []
    claims: list[Any] = [kind for kind in kinds if kind != "alb"]
    if claims:
        found.append(PlatformClaims(*claims))
    if "alb" in kinds:
        from lambent.auth.load_balancer import Alb  # loaded where it is asked for

        if not alb_arns:
            raise ConfigurationError(
                "LAMBENT_AUTH_PLATFORM names alb: set LAMBENT_AUTH_ALB_ARN to the load balancer that signs"
            )
        found.append(Alb(alb_arns, clients=alb_clients))
    return found


def _from_jwt(request: Request) -> Principal | None:
    authorizer = _authorizer(request)
    jwt = _section(authorizer, "jwt")
    if jwt is not None:
        claims = jwt.get("claims")
        if not isinstance(claims, Mapping):
            raise _refusal("The JWT authorizer hands on no claims")
    elif "principalId" in authorizer:
        return None  # the context of a Lambda authorizer, which may call any of its values "claims"
    elif (claims := _section(authorizer, "claims")) is None:
        return None
    # The list "scopes" beside the claims is not read: the token's grants are in its claims, and AWS does not
    # say that the list holds no more: a route lets a token pass that has one of the scopes of the route.
    return Principal(
        subject=_required(claims, "sub"),
        issuer=_required(claims, "iss"),
        scopes=granted_by(claims, "scope", "scp"),
        client_id=_client(claims),
        claims=dict(claims),
    )


def _from_lambda(request: Request) -> Principal | None:
    authorizer = _authorizer(request)
    context = _section(authorizer, "lambda")
    if context is None:
        # REST APIs, and HTTP APIs with payload format 1.0, put the context beside "principalId".
        if "principalId" not in authorizer:
            return None
        context = authorizer
    elif not context:
        return None
    named = context.get("iss") is not None
    return Principal(
        subject=_required(context, "sub" if context.get("sub") is not None else "principalId"),
        issuer=_required(context, "iss") if named else LAMBDA_ISSUER,
        scopes=granted_by(context, "scope", "scp", "scopes"),
        client_id=_client(context),
        claims=dict(context),
    )


def _from_iam(request: Request) -> Principal | None:
    if not request.method and request.context is not None:
        return _from_invocation(request.context)
    signed = _section(_authorizer(request), "iam")
    if signed is not None:
        # Function URL and HTTP API 2.0
        user = signed.get("userId")
        cognito = signed.get("cognitoIdentity")
        if cognito is not None and not isinstance(cognito, Mapping):
            raise _refusal("The platform's statement about AWS credentials cannot be read")
        identity = cognito.get("identityId") if cognito else None
    else:
        # REST API, and HTTP API 1.0: all of it is there without a signature too, and null
        signed = _at(_at(request.event, "requestContext"), "identity")
        if signed.get("userArn") is None:
            return None
        user = signed.get("user")
        identity = signed.get("cognitoIdentityId")
    arn = _required(signed, "userArn")
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] not in ("iam", "sts") or not _is_account(parts[4]):
        raise _refusal("The platform names AWS credentials by something that is no ARN of IAM")
    claims = {name: signed[name] for name in _IAM_CLAIMS if signed.get(name) is not None}
    if identity is not None:
        return Principal(
            subject=_text(identity, "the Cognito identity"), issuer=COGNITO_ISSUER, claims=claims
        )
    # The unique id of a user or role is never given to another one, while a name may be. For a role the
    # session follows, so that people who share a role (IAM Identity Center) do not share their data.
    subject = _text(user, "the user id")
    if arn.endswith(f"/{_COGNITO_SESSION}") or subject.endswith(f":{_COGNITO_SESSION}"):
        raise _refusal("Everybody in a Cognito identity pool has these credentials: the caller is not known")
    return Principal(subject=subject, issuer=f"arn:{parts[1]}:iam::{parts[4]}", claims=claims)


def _from_invocation(context: Any) -> Principal | None:
    """The caller of the function itself: Lambda tells identities of Cognito, and no user or role."""
    identity = getattr(context, "identity", None)
    subject = getattr(identity, "cognito_identity_id", None)
    if subject is None:
        return None
    pool = getattr(identity, "cognito_identity_pool_id", None)
    claims = {} if pool is None else {"cognitoIdentityPoolId": pool}
    return Principal(subject=_text(subject, "the Cognito identity"), issuer=COGNITO_ISSUER, claims=claims)


_READERS: dict[str, Callable[[Request], Principal | None]] = {
    "jwt": _from_jwt,
    "lambda": _from_lambda,
    "iam": _from_iam,
}


def _authorizer(request: Request) -> Mapping[str, Any]:
    authorizer = request.authorizer
    if authorizer is None:
        return {}
    if not isinstance(authorizer, Mapping):
        raise _refusal("What the platform's authorizer says cannot be read")
    return authorizer


def _section(authorizer: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """What an authorizer of one kind says; None if it is of another kind."""
    section = authorizer.get(name)
    if section is None or isinstance(section, Mapping):
        return section
    if "principalId" in authorizer:
        return None  # a value of a Lambda authorizer's context, which happens to have this name
    raise _refusal("What the platform's authorizer says cannot be read")


def _at(value: Any, name: str) -> Mapping[str, Any]:
    inner = value.get(name) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _required(claims: Mapping[str, Any], name: str) -> str:
    return _text(claims.get(name), f"{name!r}")


def _text(value: Any, what: str) -> str:
    # Text that is not printable is no identifier; a lone surrogate could not even be stored.
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise _refusal(f"What the platform says of the caller lacks {what}, or it is no text")


def _client(claims: Mapping[str, Any]) -> str:
    for name in CLIENT_CLAIMS:
        value = claims.get(name)
        if isinstance(value, str) and value.isprintable():
            return value
    return ""


def granted_by(claims: Mapping[str, Any], *names: str) -> frozenset[str]:
    """The scopes in the first of these claims that is there.

    A claim is text with spaces (RFC 8693, section 4.2), a list, or a list as API Gateway writes it into text:
    ``[a b]``. Anything else grants nothing.
    """
    value: Any = None
    for name in names:
        if (value := claims.get(name)) is not None:
            break
    if isinstance(value, str):
        if value.startswith("[") and value.endswith("]"):
            value = value[1:-1]
        return frozenset(value.split())
    if isinstance(value, list | tuple):
        return frozenset(item for item in value if isinstance(item, str) and item)
    return frozenset()


def _is_account(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _named(kinds: Collection[str]) -> str:
    return ", ".join(kinds)


def _refusal(why: str) -> CredentialsError:
    return CredentialsError(why)
