"""One AWS for each pytest process, and in it one stack of each kind, deployed when a test first needs it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from tests.e2e.cloud import ROOT, Cloud
from tests.e2e.stacks import Stack, build
from tests.installed import alone
from tests.issuer.issuer import Issuer
from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).parent
PUBLIC_URL = "https://tools.example.com"
ANONYMOUS = {"AllowAnonymous": "true"}
"""What samconfig.toml has for [dev]: parameters that are given to sam replace its list."""

GROUPS = {
    "projects": ("test_getting_started.py", "test_projects.py", "test_redeploy.py"),
    "others": (
        "test_authorization.py",
        "test_closed.py",
        "test_cloudfront.py",
        "test_conformance.py",
        "test_direct.py",
        "test_events.py",
        "test_function_urls.py",
        "test_hello.py",
        "test_load_balancer.py",
        "test_public_gateway.py",
        "test_router.py",
        "test_streaming.py",
    ),
}
"""Modules that deploy something of their own; the others share one stack, and so one process."""
_STACKS: pytest.StashKey[list[Stack]] = pytest.StashKey()
_STARTED: pytest.StashKey[float] = pytest.StashKey()


class _Groups(LoadScopeScheduling):
    """Keeps the tests of one stack in one process; xdist's own groups do so only before pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        module = Path(nodeid.partition("::")[0]).name
        return next((group for group, modules in GROUPS.items() if module in modules), "shop")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Groups(config, log)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """MiniStack; roles count."""
    made = Cloud(tmp_path_factory.mktemp("cloud"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def built(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Builds an application once, whichever process needs it first; the template of what was built."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine

    @cache
    def make(template: Path) -> Path:
        folder = shared / f"sam-{template.parent.name}"
        with alone(shared / f"{folder.name}.lock"):
            done = folder / "build" / "template.yaml"
            return done if done.exists() else build(cloud, template, folder)

    return make


@pytest.fixture(scope="session")
def deploy(cloud: Cloud, built: Callable[[Path], Path], pytestconfig: pytest.Config) -> Callable[..., Stack]:
    """Deploys an application."""

    def make(name: str, template: Path, *options: str, parameters: Mapping[str, str] | None = None) -> Stack:
        stack = Stack(cloud, name, built(template), *options, parameters=parameters)
        pytestconfig.stash.setdefault(_STACKS, []).append(stack)
        return stack

    return make


@pytest.fixture(scope="session")
def deploy_shop(deploy: Callable[..., Stack]) -> Callable[..., Stack]:
    """Deploys the application of this repository, with the settings that are written down for it."""

    def make(
        name: str,
        template: Path = ROOT / "template.yaml",
        parameters: Mapping[str, str] = MappingProxyType({**ANONYMOUS, "PublicUrl": PUBLIC_URL}),
    ) -> Stack:
        settings = ("--config-file", str(ROOT / "samconfig.toml"), "--config-env", "dev")
        return deploy(name, template, *settings, parameters=parameters)

    return make


@pytest.fixture(scope="session")
def shop(deploy_shop: Callable[..., Stack]) -> Stack:
    """The application as it is."""
    return deploy_shop("shop")


@pytest.fixture(scope="session")
def shop_with_issuer(deploy_shop: Callable[..., Stack]) -> Iterator[tuple[Stack, Issuer]]:
    """The application, for callers with a token of an issuer."""
    with Issuer(audience=None) as issuer:
        parameters = {"AuthIssuer": issuer.url, "AuthScopes": "orders:read", "PublicUrl": PUBLIC_URL}
        yield deploy_shop("guarded-shop", parameters={**parameters, "BackofficeKey": "open-sesame"}), issuer


@pytest.fixture(scope="session")
def everything(deploy: Callable[..., Stack]) -> Stack:
    """The server that the conformance suite asks for."""
    return deploy("everything", HERE / "everything" / "template.yaml")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_STARTED] = time.time()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Show what the functions logged during a test that failed."""
    report = yield
    if report.failed:
        for stack in item.config.stash.get(_STACKS, []):
            try:
                told = "\n".join([stack.logs(item.stash[_STARTED]), *stack.cloud.complaints()])
            except Exception as error:  # the test's own failure is what has to be seen
                told = f"{type(error).__name__}: {error}"
            report.sections.append((f"stack {stack.name}", told))
    return report
