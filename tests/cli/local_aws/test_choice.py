import io
import sys

import pytest

from lambent.cli.app_ref import parse_app
from lambent.cli.errors import CommandError, MissingExtraError
from lambent.cli.gateway.log import Log
from lambent.cli.local_aws.choice import choose_stack


@pytest.fixture
def notes():
    return io.StringIO()


@pytest.fixture
def choose(queue_app, notes):
    def choose(asked=None, template=None, name="app.py", **variables):
        app = parse_app(name, queue_app.folder)
        return choose_stack(app, asked, template, variables, Log(notes))

    return choose


@pytest.fixture
def without(monkeypatch):
    """As if a library were not installed."""

    def hide(name):
        find = sys.modules["importlib.util"].find_spec
        monkeypatch.setattr(
            "importlib.util.find_spec", lambda module: None if module == name else find(module)
        )

    return hide


def test_the_template_decides(choose, notes):
    assert "LAMBENT_TABLE" in choose().variables
    assert notes.getvalue() == ""


def test_it_can_be_declined(choose):
    assert choose(False) is None


def test_an_app_that_the_template_does_not_have(choose, queue_app):
    (queue_app.folder / "other.py").touch()
    assert choose(name="other.py") is None
    assert choose(True, name="other.py") is not None


def test_without_a_template(choose, template, notes):
    template.unlink()
    assert choose() is None
    assert notes.getvalue() == ""
    assert choose(True).variables == (
        "LAMBENT_TABLE",
        "LAMBENT_TASK_QUEUE_URL",
        "LAMBENT_BUCKET",
        "LAMBENT_EVENTS_QUEUE_URL",
    )


def test_a_template_may_be_named(choose, template, tmp_path):
    other = tmp_path / "other" / "stack.yaml"
    other.parent.mkdir()
    template.rename(other)
    assert choose(template=other) is not None


def test_a_template_that_is_named_has_to_be_there(choose, tmp_path):
    with pytest.raises(CommandError, match="cannot read"):
        choose(template=tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "variable",
    [
        "LAMBENT_TABLE",
        "LAMBENT_TASK_QUEUE_URL",
        "LAMBENT_BUCKET",
        "LAMBENT_EVENTS_QUEUE_URL",
        "AWS_ENDPOINT_URL",
    ],
)
def test_an_aws_that_is_configured_is_used(choose, variable):
    assert choose(**{variable: "mine"}) is None
    assert choose(**{variable: ""}) is not None
    assert choose(True, **{variable: "mine"}) is not None


def test_the_developers_own_keys_take_the_place_of_the_secret(choose, template):
    text = template.read_text().replace("LAMBENT_BUCKET: !Ref Bucket", "LAMBENT_STATE_SECRET: !Ref Secret")
    secret = "Resources:\n  Secret: {Type: AWS::SecretsManager::Secret}"
    template.write_text(text.replace("Resources:", secret))
    assert "LAMBENT_STATE_SECRET" in choose().variables
    assert "LAMBENT_STATE_SECRET" not in choose(LAMBENT_STATE_KEYS="k" * 32).variables
    assert "LAMBENT_STATE_SECRET" not in choose(True, LAMBENT_STATE_KEYS="k" * 32).variables


def test_a_template_for_something_else(choose, template):
    template.write_text("Resources: {Queue: {Type: AWS::SQS::Queue}}")
    assert choose() is None
    with pytest.raises(
        CommandError, match=r"no function in .* has LAMBENT_TABLE or LAMBENT_TASK_QUEUE_URL or"
    ):
        choose(True)


def test_a_broken_template_keeps_nobody_from_serving(choose, template, notes):
    template.write_text("Resources: [")
    assert choose() is None
    assert notes.getvalue().startswith("local AWS is off: ")
    with pytest.raises(CommandError, match="is no YAML"):
        choose(True)


@pytest.mark.parametrize("library", ["ministack", "botocore"])
def test_a_library_that_is_missing(choose, notes, without, library):
    without(library)
    name = "boto3" if library == "botocore" else library
    assert choose() is None
    assert notes.getvalue() == f"local AWS is off: local AWS needs {name}: install the extra lambent[dev]\n"
    with pytest.raises(MissingExtraError, match=name):
        choose(True)
