"""A campaign: many requests, over several processes."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from fuzz.findings import Finding
from fuzz.fuzzer import Fuzzer
from fuzz.stats import Stats
from fuzz.target import Target

Outcome = tuple[Stats, list[Finding]]


def run(requests: int, seed: str) -> Outcome:
    """Send requests from this process, and make what they find small."""
    with Target(store=True) as target:
        fuzzer = Fuzzer(target, seed)
        fuzzer.run(requests)
        return fuzzer.stats, [finding.minimize(target) for finding in fuzzer.findings.values()]


def run_all(requests: int, seed: int, processes: int) -> Outcome:
    """Send requests from several processes; seed and number of processes decide which requests."""
    shares = [requests // processes + (index < requests % processes) for index in range(processes)]
    seeds = [f"{seed}/{index}" for index in range(processes)]
    if processes == 1:
        return run(shares[0], seeds[0])
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        outcomes = list(pool.map(run, shares, seeds))
    total, findings = Stats(), dict[str, Finding]()
    for stats, found in outcomes:
        total.add(stats)
        for finding in found:
            findings.setdefault(finding.kind, finding)
    return total, list(findings.values())
