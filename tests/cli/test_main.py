import importlib.metadata
import os
import subprocess
import sys

import pytest

import lambent
from lambent.cli import main

COMMANDS = ["init", "stdio", "worker", "card", "dev", "build", "deploy", "sizes", "invoke", "keys"]
COMMANDS += ["call", "inspect", "doctor", "connect", "migrate"]


def run(*arguments, module="lambent", **environment):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_the_subcommands(option, capsys):
    assert main([option]) == 0
    lines = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")][: len(COMMANDS)] == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: lambent {command} [OPTIONS]")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["dev"], ["dev", "app", "--kind", "soap"]])
def test_arguments_that_make_no_sense(arguments, capsys):
    assert main(arguments) == 2
    assert "Usage: lambent" in capsys.readouterr().err


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


@pytest.mark.parametrize("module", ["lambent", "lambent.cli"])
def test_the_package_runs_as_a_module(module):
    done = run("dev", "missing.py", module=module)
    assert done.returncode == 2
    assert done.stderr.startswith("lambent dev: there is no file missing.py")


def test_the_version(capsys, monkeypatch):
    installed = importlib.metadata.version("lambent")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"lambent {installed}\n"
    assert lambent.__version__ == installed

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.delattr(lambent, "__version__")
    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert lambent.__version__ == "0+unknown"
    monkeypatch.delattr(lambent, "__version__")


def test_importing_the_library_reads_no_version():
    code = "import sys, lambent; print('importlib.metadata' in sys.modules, '__version__' in vars(lambent))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


@pytest.mark.parametrize(
    ("arguments", "imported"),
    [([], []), (["--help"], ["errors", "root"]), (["--version"], ["errors", "root"])],
    ids=["import", "help", "version"],
)
def test_only_the_command_that_is_run_is_imported(arguments, imported):
    code = (
        "import sys, lambent.cli; sys.argv[1:] and lambent.cli.main();"
        "print(sorted(m for m in sys.modules if m.startswith('lambent.cli.')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == str([f"lambent.cli.{name}" for name in imported])


def test_a_missing_library_is_named():
    code = "import sys; sys.modules['click'] = None; from lambent.cli import main; sys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    how = "install the extra lambent[dev], or lambent[serve] for a worker alone"
    assert done.stderr == f"lambent: the command line needs click: {how}\n"


def closed_pipe(*arguments):
    """Run the command with a standard output whose reader is gone."""
    read, write = os.pipe()
    os.close(read)
    try:
        return subprocess.run(
            [sys.executable, "-m", "lambent", *arguments],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)


@pytest.mark.parametrize("arguments", [["--help"], ["keys", "new", "ada"], ["keys", "--help"]])
def test_a_closed_pipe_is_no_error_to_tell(arguments):
    done = closed_pipe(*arguments)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_card_into_a_closed_pipe(tmp_path):
    app = tmp_path / "app.py"
    app.write_text("from lambent import MCPServer\nmcp = MCPServer('x', version='1.0.0')\n")
    done = closed_pipe("card", str(app), "--url", "https://mcp.example.com")
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("words", "position", "found"),
    [
        ("lambent car", "1", ["plain", "card", "print, check, bundle and publish server cards"]),
        ("lambent dev --kind f", "3", ["plain", "function-url", "_"]),
        ("lambent keys n", "2", ["plain", "new", "Make a key for the caller NAME."]),
        ("lambent dev x", "2", ["file", "x", "_"]),
        ("lambent --ver", "1", ["plain", "--version", "Show the version and exit."]),
    ],
)
def test_shells_complete(words, position, found):
    done = run(_LAMBENT_COMPLETE="zsh_complete", COMP_WORDS=words, COMP_CWORD=position)
    assert (done.stdout.splitlines(), done.stderr) == (found, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_script(shell):
    done = run(_LAMBENT_COMPLETE=f"{shell}_source")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_LAMBENT_COMPLETE={shell}_complete" in done.stdout


def test_completing_a_command_imports_none():
    code = (
        "import sys, lambent.cli\ntry: lambent.cli.main()\n"
        "finally: print(sorted(m for m in sys.modules if m.startswith('lambent.cli.')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "_LAMBENT_COMPLETE": "fish_complete",
            "COMP_WORDS": "lambent ",
            "COMP_CWORD": "",
        },
    )
    assert [line.split(",")[1].split("\t")[0] for line in done.stdout.splitlines()] == COMMANDS
    assert done.stderr.strip() == "['lambent.cli.errors', 'lambent.cli.root']"
