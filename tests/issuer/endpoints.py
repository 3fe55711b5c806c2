"""The endpoints of the test issuer."""

import json
from typing import TYPE_CHECKING

from tests.issuer.grants import TokenRequest
from tests.issuer.metadata import OAUTH, locations, metadata
from tests.issuer.refusals import OAuthRefusedError
from tests.issuer.server import IssuerRequest, Received

if TYPE_CHECKING:
    from tests.issuer.issuer import Issuer

MOVED = "/moved"
"""Before any path: where redirects of an outage lead, and where all is well."""


def answer(issuer: "Issuer", request: IssuerRequest, received: Received) -> None:
    """Answer a request."""
    path = received.path.removeprefix(MOVED)
    documents = locations(issuer.path, issuer.documents)
    endpoint = {
        ("GET", f"{issuer.path}/authorize"): _authorize,
        ("POST", f"{issuer.path}/token"): _token,
        ("POST", f"{issuer.path}/introspect"): _introspect,
        ("GET", f"{issuer.path}/jwks"): _jwks,
    }
    if issuer.registration:
        endpoint["POST", f"{issuer.path}/register"] = _register
    try:
        if received.method == "GET" and path in documents:
            _metadata(issuer, request, documents[path])
        elif (received.method, path) in endpoint:
            endpoint[received.method, path](issuer, request, received)
        else:
            request.answer_json({"error": "not_found"}, 404)
    except OAuthRefusedError as refusal:
        request.refuse(refusal)


def _metadata(issuer: "Issuer", request: IssuerRequest, document: str) -> None:
    members = metadata(
        issuer.url,
        openid=document != OAUTH,
        registration=issuer.registration,
        client_documents=issuer.client_documents,
        scopes=issuer.scopes,
        names_itself=issuer.redirect_issuer is not None,
        overrides=issuer.metadata,
    )
    request.answer_json(members)


def _jwks(issuer: "Issuer", request: IssuerRequest, _: Received) -> None:
    request.answer_json(issuer.keys.jwks(), headers=issuer.jwks_headers)


def _authorize(issuer: "Issuer", request: IssuerRequest, received: Received) -> None:
    location = issuer.approvals.redirect(
        received.query, subject=issuer.subject, grantable=issuer.grantable, issuer=issuer.redirect_issuer
    )
    request.answer(302, headers={"Location": location})


def _token(issuer: "Issuer", request: IssuerRequest, received: Received) -> None:
    parameters = received.form
    resources = tuple(parameters.pop("resource", ()))
    if any(len(values) > 1 for values in parameters.values()):
        raise OAuthRefusedError("invalid_request", "a parameter is there twice")
    form = {name: values[0] for name, values in parameters.items()}
    url = f"{issuer.url}/token"
    given = issuer.grants.answer(TokenRequest(url, received.headers, form, resources))
    request.answer_json(given, headers={"Cache-Control": "no-store"})


def _register(issuer: "Issuer", request: IssuerRequest, received: Received) -> None:
    try:
        document = json.loads(received.body)
    except ValueError as error:
        raise OAuthRefusedError("invalid_client_metadata", "no JSON") from error
    request.answer_json(issuer.clients.register(document), 201)


def _introspect(issuer: "Issuer", request: IssuerRequest, received: Received) -> None:
    form = {name: values[0] for name, values in received.form.items()}
    client = issuer.clients.authenticate(received.headers, form)
    if client.secret is None:
        raise OAuthRefusedError("invalid_client", "a public client", status=401)
    if "token" not in form:
        raise OAuthRefusedError("invalid_request", "token is missing")
    request.answer_json(issuer.opaque_tokens.introspect(form["token"], now=issuer.now()))
