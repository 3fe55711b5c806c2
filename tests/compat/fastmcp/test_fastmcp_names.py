"""The table of names of ``lambent.compat.fastmcp``."""

import importlib
from pathlib import Path

import pytest

from lambent.compat import fastmcp


@pytest.mark.parametrize("name", fastmcp.REPLACED)
def test_a_name_that_cannot_exist_says_what_to_write(name: str) -> None:
    with pytest.raises(ImportError, match=r"docs/fastmcp\.md"):
        getattr(importlib.import_module("lambent.compat.fastmcp"), name)


def test_a_name_that_nobody_knows_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        _ = fastmcp.Nobody


def test_no_module_has_the_name_of_something_else() -> None:
    """Importing a module makes it an attribute of its package."""
    folder = Path(fastmcp.__file__).parent
    assert not {path.stem for path in folder.glob("*.py")} & set(fastmcp.__all__)
