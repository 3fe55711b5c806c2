import subprocess
import sys

import pytest

from lambent.cli import main


def test_help_names_the_subcommands(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "dev" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["fly"], ["dev"], ["dev", "app", "--kind", "soap"]])
def test_arguments_that_make_no_sense(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: lambent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.py"], "there is no file missing.py"),
        (["app", "--env", "NAME"], "--env 'NAME' is not KEY=VALUE"),
        (["app", "--environments", "0"], "at least one environment"),
        (["app", "--timeout", "0"], "timeout has to be positive"),
        (["app", "--no-aws", "--workers", "0"], "at least one worker"),
        (["app", "--no-aws", "--worker-timeout", "0"], "timeout has to be positive"),
        (["app", "--path", "mcp"], "has to start with a slash"),
        (["app", "--kind", "alb", "--stage", "dev"], "alb has no stages"),
        (["app", "--kind", "rest", "--stage", "$default"], "no stage [$]default"),
        (["app", "--multi-value-headers"], "http-api has no multi-value headers"),
        (["app", "--binary-media-type", "image/png"], "http-api has no binary media types"),
    ],
)
def test_an_error_of_a_command_is_one_line(arguments, message, capsys):
    assert main(["dev", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("lambent dev: ")
    assert error.count("\n") == 1
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(error)


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "lambent.cli", "dev", "missing.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("lambent dev: there is no file missing.py")


def test_importing_the_command_imports_no_subcommand():
    code = "import sys, lambent.cli; print([m for m in sys.modules if m.startswith('lambent.cli.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['lambent.cli.errors']"
