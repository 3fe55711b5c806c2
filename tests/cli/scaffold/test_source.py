"""What a requirement says of where Lambent comes from."""

import json
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from lambent.cli.scaffold.source import requirement_source

FOLDER = {"url": "file:///home/a%20b/lambent", "dir_info": {"editable": True}}
WHEEL = {"url": "file:///x/lambent-1.2.3-py3-none-any.whl", "archive_info": {}}
REPOSITORY = {
    "url": "https://example.com/x.git",
    "vcs_info": {"vcs": "git", "commit_id": "abc"},
    "subdirectory": "python",
}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (None, "==1.2.3"),
        (FOLDER, " @ file:///home/a%20b/lambent"),
        (WHEEL, " @ file:///x/lambent-1.2.3-py3-none-any.whl"),
        (REPOSITORY, " @ git+https://example.com/x.git@abc#subdirectory=python"),
    ],
    ids=["index", "folder", "wheel", "repository"],
)
def test_it_is_the_same_as_of_the_installation(
    recorded: dict[str, object] | None, expected: str, tmp_path: Path
) -> None:
    info = tmp_path / "lambent-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lambent\nVersion: 1.2.3\n")
    if recorded is not None:
        (info / "direct_url.json").write_text(json.dumps(recorded))
    assert requirement_source(PathDistribution(info)) == expected
