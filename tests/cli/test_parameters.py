import click
import pytest

from lambent.cli.errors import UsageError
from lambent.cli.parameters import env_option, variables_of


def given(*arguments):
    command = click.command()(env_option(variables_of_option))
    return command.main(arguments, standalone_mode=False)


def variables_of_option(env):
    return variables_of(env)


def test_variables():
    assert given() == {}
    assert given("--env", "A=1", "--env", "B=", "--env", "C=x=y", "--env", "A=2") == {
        "A": "2",
        "B": "",
        "C": "x=y",
    }


@pytest.mark.parametrize("text", ["A", "=1", ""])
def test_what_is_no_variable(text):
    with pytest.raises(UsageError, match=f"^--env '{text}' is not KEY=VALUE$"):
        given("--env", text)
