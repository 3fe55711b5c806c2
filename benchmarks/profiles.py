"""Where the time, the memory or the space went, for a budget that is missed."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks import roster
from benchmarks.bench import Bench

_BEGIN, _READY = "benchmark: here the peer begins", "benchmark: here it is ready"


def explain(bench: Bench, group: str, key: str, results: dict[str, Any]) -> str:
    """Explain what a peer spends.

    Args:
        bench: runs the peer once more.
        group: the group of measurements whose budget is missed.
        key: the peer.
        results: of that group.
    """
    peer = roster.ALL[key]
    explanations: dict[str, Callable[[], str]] = {
        "import": lambda: _imports(bench.run_logged(peer, "start", flags=("-X", "importtime"))[1]),
        "warm": lambda: str(bench.run(peer, "profile", calls=5000)["text"]),
        "memory": lambda: _stages(results[key]),
        "size": lambda: _files(results[key]),
    }
    return f"{peer.title}, {group}:\n{explanations[group]()}"


def _imports(log: str) -> str:
    """The imports that cost most, by module and by package, from ``-X importtime``."""
    modules: list[tuple[int, str]] = []
    packages: dict[str, int] = defaultdict(int)
    for line in log.partition(_BEGIN)[2].partition(_READY)[0].splitlines():
        if not line.startswith("import time:"):
            continue
        own, _, name = line.removeprefix("import time:").split("|")
        modules.append((int(own), name.strip()))
        packages[name.strip().partition(".")[0]] += int(own)
    top = sorted(modules, reverse=True)[:20]
    heavy = sorted(((spent, name) for name, spent in packages.items()), reverse=True)[:10]
    return "\n".join(
        [
            f"{len(modules)} modules, {sum(own for own, _ in modules) / 1000:.1f} ms with the tracing itself",
            "by package, ms: " + ", ".join(f"{name} {spent / 1000:.1f}" for spent, name in heavy),
            "by module, ms:  " + ", ".join(f"{name} {own / 1000:.1f}" for own, name in top),
        ]
    )


def _stages(stages: dict[str, float]) -> str:
    return ", ".join(f"{stage}: {resident / 1e6:.1f} MB" for stage, resident in stages.items())


def _files(size: dict[str, Any]) -> str:
    return "\n".join(f"{count:>9,} {name}" for count, name in size["largest"])
