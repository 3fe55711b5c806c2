import asyncio
import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("watchfiles")

from lambent.cli.gateway.reload import changes


def watch(folder, write):
    """The names of the files that are noticed first."""

    async def main():
        stop = asyncio.Event()
        seen = changes([folder], stop)
        first = asyncio.ensure_future(anext(seen))
        # The folder is watched once the iteration has begun.
        await asyncio.sleep(0)
        write()
        paths = await asyncio.wait_for(first, 20)
        stop.set()
        assert [batch async for batch in seen] == []
        return {path.relative_to(folder.resolve()).as_posix() for path in paths}

    return asyncio.run(main())


def test_python_files_below_the_folder_are_noticed(tmp_path):
    (tmp_path / "pkg").mkdir()

    def write():
        for skipped in (".venv", "venv", "pkg/__pycache__", "node_modules", "pkg/.cache/deep"):
            folder = tmp_path / skipped
            folder.mkdir(parents=True)
            (folder / "ignored.py").touch()
        (tmp_path / "notes.txt").touch()
        (tmp_path / "pkg" / "api.py").write_text("a = 1")

    assert watch(tmp_path, write) == {"pkg/api.py"}


def test_a_watched_folder_may_lie_in_one_that_is_left_out(tmp_path):
    folder = tmp_path / ".hidden" / "site-packages"
    folder.mkdir(parents=True)
    assert watch(folder, (folder / "app.py").touch) == {"app.py"}


def test_bytecode_of_changed_files_is_forgotten(tmp_path):
    source = tmp_path / "app.py"
    cached = Path(importlib.util.cache_from_source(source))
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(b"stale")
    watch(tmp_path, lambda: source.write_text("a = 2"))
    assert not cached.exists()
