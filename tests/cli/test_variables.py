import argparse

import pytest

from lambent.cli.errors import UsageError
from lambent.cli.variables import add_env_option, variables_of


def given(*arguments):
    parser = argparse.ArgumentParser()
    add_env_option(parser)
    return variables_of(parser.parse_args(arguments))


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
