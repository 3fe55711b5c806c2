"""The tests of ``docs/testing.md`` are run as its readers would run them."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SOURCE = "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
TESTS = re.findall(r"^def (test_\w+)\(", SOURCE, re.MULTILINE)
FIXTURES = re.findall(r"^def test_\w+\((\w+): \w+\)", SOURCE, re.MULTILINE)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[ModuleType]:
    """All blocks of the page, as one module."""
    path = tmp_path / "page_of_testing.py"
    path.write_text(SOURCE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("page_of_testing", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("name", TESTS)
def test_a_test_of_the_page(page: ModuleType, name: str, request: pytest.FixtureRequest) -> None:
    test = getattr(page, name)
    count = test.__code__.co_argcount
    test(**{fixture: request.getfixturevalue(fixture) for fixture in test.__code__.co_varnames[:count]})


def test_the_page_has_tests_of_everything() -> None:
    assert len(TESTS) >= 11
    assert set(FIXTURES) == {"lambent_aws", "lambent_table"}
