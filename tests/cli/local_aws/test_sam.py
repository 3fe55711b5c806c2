"""sam as a program, and the addresses of what it has deployed."""

import os
from pathlib import Path

import pytest

from lambent.cli.local_aws.sam import SamError, local_url, require_sam, run_sam

ENDPOINT = "http://127.0.0.1:4566"


def sam(folder: Path, script: str) -> dict[str, str]:
    """The environment in which a script is sam."""
    path = folder / "bin" / "sam"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:/usr/bin:/bin"}


def test_it_runs_in_a_folder_with_its_variables_only(tmp_path: Path) -> None:
    environment = sam(tmp_path, 'echo "$PWD $* $SAM_CLI_POLL_DELAY ${HOME-none}" > told')
    run_sam(["build", Path("x y")], tmp_path, environment)
    assert (tmp_path / "told").read_text() == f"{tmp_path} build x y 0.3 none\n"


def test_the_end_of_what_it_says_is_shown_when_it_fails(tmp_path: Path) -> None:
    environment = sam(tmp_path, "printf '%05000d' 0; echo no such template >&2; exit 3")
    with pytest.raises(SamError, match=r"^sam build failed:\n…\n0+no such template\n$") as failed:
        run_sam(["build"], tmp_path, environment)
    assert len(str(failed.value)) < 2100


def test_its_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(SamError, match="sam is needed, and is not on PATH"):
        require_sam()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://abc.lambda-url.us-east-1.on.aws/mcp", f"{ENDPOINT}/_aws/lambda-url/abc/mcp"),
        (
            "https://abc.execute-api.us-east-1.amazonaws.com/x?y=1",
            f"{ENDPOINT}/_aws/execute-api/abc/x?y=1",
        ),
        ("https://tools.example.com/mcp", None),
        ("my-table", None),
        ("arn:aws:sqs:us-east-1:123456789012:queue", None),
    ],
)
def test_addresses_are_found_on_this_machine(url: str, expected: str | None) -> None:
    assert local_url(ENDPOINT, url) == expected
