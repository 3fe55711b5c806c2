import contextlib

import pytest

pytest.importorskip("botocore")

from botocore.exceptions import EndpointConnectionError

from lambent.cli.local_aws.clients import Clients


@pytest.mark.parametrize("service", ["cloudformation", "dynamodb", "sqs"])
def test_a_client_knows_one_endpoint_and_no_real_credentials(monkeypatch, service):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service.upper()}", "http://127.0.0.1:2")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3")
    with contextlib.closing(Clients("http://127.0.0.1:1", "eu-west-1").make(service)) as client:
        assert client.meta.endpoint_url == "http://127.0.0.1:1"
        assert client.meta.region_name == "eu-west-1"


def test_a_call_without_an_emulator_fails_at_once():
    with (
        contextlib.closing(Clients("http://127.0.0.1:1", "eu-west-1").make("sqs")) as client,
        pytest.raises(EndpointConnectionError, match=r"127\.0\.0\.1:1"),
    ):
        client.list_queues()
