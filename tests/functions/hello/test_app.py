"""The smallest server: what it answers, and that its deployment stays the smallest."""

import importlib.util
from pathlib import Path

import pytest

from lambent.cli.local_aws.template import read_template
from lambent.testing import LambdaClient

FOLDER = Path(__file__).parents[3] / "functions" / "hello"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> LambdaClient:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "hello")  # where nothing else is configured either
    spec = importlib.util.spec_from_file_location("hello_app", FOLDER / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return LambdaClient(module.handler, front_end="function-url", path="/")


def test_it_greets_the_world(client: LambdaClient) -> None:
    assert client.call("hello").text == "Hello, world!"


@pytest.mark.parametrize(("language", "greeting"), [("de", "Hallo, Mia!"), ("ja", "こんにちは, Mia!")])
def test_it_greets_people_in_their_language(client: LambdaClient, language: str, greeting: str) -> None:
    assert client.call("hello", name="Mia", language=language).text == greeting


def test_every_language_that_is_offered_has_a_greeting(client: LambdaClient) -> None:
    (tool,) = client.list_tools()
    for language in tool.input_schema["properties"]["language"]["enum"]:
        assert client.call("hello", language=language).text.endswith(", world!")
    assert client.attempt("hello", language="tlh").is_error


def test_it_lists_its_languages(client: LambdaClient) -> None:
    assert client.read("hello://languages").value["fr"] == "Bonjour"


def test_its_deployment_is_one_function_with_a_url() -> None:
    text = (FOLDER / "template.yaml").read_text()
    assert len(text.splitlines()) < 35
    template = read_template(FOLDER / "template.yaml")
    assert list(template.resources) == ["HelloFunction"]
    function = template.properties("HelloFunction")
    assert set(function["FunctionUrlConfig"]) == {"AuthType"}
    assert not {"Environment", "Events", "Layers", "Policies"} & set(function)
    assert (FOLDER / "Makefile").read_text().count("build-HelloFunction") == 2
