"""The smallest server: what it answers, and that its deployment stays the smallest."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import Client

from lambent.cli.local_aws.template import read_template

FOLDER = Path(__file__).parents[3] / "functions" / "hello"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "hello")  # where nothing else is configured either
    spec = importlib.util.spec_from_file_location("hello_app", FOLDER / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield Client(module.handler)
    module.handler.close()


def test_it_greets_the_world(client: Client) -> None:
    assert client.call("hello").text == "Hello, world!"


@pytest.mark.parametrize(("language", "greeting"), [("de", "Hallo, Mia!"), ("ja", "こんにちは, Mia!")])
def test_it_greets_people_in_their_language(client: Client, language: str, greeting: str) -> None:
    assert client.call("hello", {"name": "Mia", "language": language}).text == greeting


def test_every_language_that_is_offered_has_a_greeting(client: Client) -> None:
    offered = client.tool("hello")["inputSchema"]["properties"]["language"]["enum"]
    for language in offered:
        assert client.call("hello", {"language": language}).text.endswith(", world!")
    assert client.call("hello", {"language": "tlh"}).result["isError"]


def test_it_lists_its_languages(client: Client) -> None:
    assert '"fr":"Bonjour"' in client.read("hello://languages").result["contents"][0]["text"]


def test_its_deployment_is_one_function_with_a_url() -> None:
    text = (FOLDER / "template.yaml").read_text()
    assert len(text.splitlines()) < 35
    template = read_template(FOLDER / "template.yaml")
    assert list(template.resources) == ["HelloFunction"]
    function = template.properties("HelloFunction")
    assert set(function["FunctionUrlConfig"]) == {"AuthType"}
    assert not {"Environment", "Events", "Layers", "Policies"} & set(function)
    assert (FOLDER / "Makefile").read_text().count("build-HelloFunction") == 2
