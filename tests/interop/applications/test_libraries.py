"""Libraries for agents list the tools of a server with the code of docs/clients.md."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.interop.applications import install, page

if TYPE_CHECKING:
    from tests.interop.applications.conftest import Home

LIBRARIES = {"LangChain": "langchain", "OpenAI Agents SDK": "agents", "Strands": "agents"}
"""Environments, by what they have."""


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_tool_is_listed(name: str, home: "Home", live: str, opened: Callable[[], set[str]]) -> None:
    python = install.library(LIBRARIES[name])
    listed = home.run(str(python), "-c", page.block(name, "python").replace(page.URL, live))
    assert "'greet'" in listed
    assert "'introduce'" in listed
    assert opened() == {page.row(name)[1]}
