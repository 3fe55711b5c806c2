"""Clients of the test issuer, registered in each of the ways."""

from collections.abc import Iterator

import pytest
from tests.issuer.flows import CALLBACK, RESOURCE, ask, authorize, error_of, redeem, register
from tests.issuer.issuer import Issuer
from tests.issuer.loopback import get, post


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer("/tenant") as running:
        yield running


def test_a_confidential_client_registers(issuer: Issuer) -> None:
    client = register(issuer, token_endpoint_auth_method="client_secret_basic", client_name="One")
    assert client["client_name"] == "One"
    assert client["client_secret_expires_at"] == 0
    form = {"grant_type": "client_credentials", "scope": "read", "resource": RESOURCE}
    by_header = ask(issuer, form, auth=(client["client_id"], client["client_secret"]))
    credentials = {name: client[name] for name in ("client_id", "client_secret")}
    by_body = ask(issuer, {**form, **credentials})
    for answer in (by_header, by_body):
        _, claims = issuer.verify(answer.json()["access_token"])
        assert (claims["sub"], claims["scope"], claims["aud"]) == (client["client_id"], "read", RESOURCE)
        assert "refresh_token" not in answer.json()
    assert error_of(ask(issuer, form, auth=(client["client_id"], "wrong"))) == (401, "invalid_client")
    assert error_of(ask(issuer, {**form, "client_id": client["client_id"]})) == (401, "invalid_client")


def test_a_public_client_has_no_credentials_of_its_own(issuer: Issuer) -> None:
    form = {"grant_type": "client_credentials", "client_id": register(issuer)["client_id"]}
    assert error_of(ask(issuer, form)) == (400, "unauthorized_client")


def test_registration_can_be_off() -> None:
    with Issuer(registration=False) as issuer:
        assert post(f"{issuer.url}/register", json={}).status_code == 404
        members = get(f"{issuer.url}/.well-known/openid-configuration").json()
        assert "registration_endpoint" not in members


def test_registration_is_refused(issuer: Issuer) -> None:
    answer = post(f"{issuer.url}/register", json={"redirect_uris": []})
    assert error_of(answer) == (400, "invalid_redirect_uri")
    answer = post(f"{issuer.url}/register", content=b"{")
    assert error_of(answer) == (400, "invalid_client_metadata")


def test_a_client_with_a_metadata_document() -> None:
    client_id = "https://client.test/metadata.json"
    with Issuer(client_documents=True) as issuer:
        members = get(f"{issuer.url}/.well-known/oauth-authorization-server").json()
        assert members["client_id_metadata_document_supported"] is True
        issuer.clients.documents[client_id] = {"client_id": client_id, "redirect_uris": [CALLBACK]}
        code = authorize(issuer, client_id, "v" * 43)["code"][0]
        given = ask(issuer, redeem(client_id, code, "v" * 43)).json()
        assert issuer.verify(given["access_token"])[1]["client_id"] == client_id
