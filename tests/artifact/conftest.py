import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.artifact import artifacts
from tests.test_packaging import once


@pytest.fixture(scope="session")
def lambda_python() -> Path:
    """A Python that has what Lambda's has, and nothing else."""
    python = artifacts.lambda_python()
    if python is None:
        pytest.skip(f"there is no Python {artifacts.PYTHON} on this machine")
    return python


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds an artifact, or takes what another test built; ``again`` tells builds of the same one apart."""

    @functools.cache
    def built(name: str, architecture: str = "x86_64", again: int = 0) -> Path:
        folder = once(
            tmp_path_factory,
            f"artifact-{name}-{architecture}-{again}",
            lambda folder: artifacts.build(name, folder / "content", architecture),
        )
        return folder / "content"

    return built
