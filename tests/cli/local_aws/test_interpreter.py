"""The interpreter of deployed functions; that it is made is tested by deploys."""

from pathlib import Path

import pytest

from lambent.cli.errors import CommandError
from lambent.cli.local_aws import interpreter
from lambent.cli.local_aws.template import Template, read_template

pytest.importorskip("ministack")


def template(folder: Path, *runtimes: str) -> Template:
    path = folder / "template.yaml"
    functions = [
        f"  F{number}: {{Type: 'AWS::Serverless::Function', Properties: {{Runtime: {runtime}}}}}"
        for number, runtime in enumerate(runtimes)
    ]
    path.write_text("\n".join(["Resources:", "  Table: {Type: 'AWS::DynamoDB::Table'}", *functions]))
    return read_template(path)


def test_functions_run_on_their_own_version(tmp_path: Path) -> None:
    found = interpreter.runtime_version(template(tmp_path, "python3.12", "python3.12", "nodejs22.x"))
    assert found == "3.12"


@pytest.mark.parametrize("runtimes", [(), ("nodejs22.x",), ("python3.12", "python3.13")])
def test_there_is_one_version(tmp_path: Path, runtimes: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="functions have to be of one Python, not of"):
        interpreter.runtime_version(template(tmp_path, *runtimes))


@pytest.mark.parametrize(
    ("machine", "name"),
    [("x86_64", "x86_64"), ("AMD64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_layers_are_built_for_the_machine_that_runs_them(
    machine: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert interpreter.machine_architecture() == name


def test_without_a_python_of_the_version_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not interpreter.is_prepared("3.99")
    with pytest.raises(CommandError, match=r"Python 3\.99 is needed.*`uv python install 3\.99`"):
        interpreter.prepare("3.99")
    assert not interpreter.is_prepared("3.99")
