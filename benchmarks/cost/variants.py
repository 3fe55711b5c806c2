"""The same plain call through other ways in, and with other logs."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.cost.formula import COLUMNS, ROWS, Measured, dollars
from benchmarks.cost.prices import FUNCTION_URLS, TEXT_LOG, Deployment, Prices, deployment, size

PLAIN = ROWS[0]
_SHOWN = ("Lambda", "API Gateway", "S3, CloudFront", "logs", "transfer")


class Variant(NamedTuple):
    """A way to deploy.

    Attributes:
        what: in words.
        deployed: what the template says then.
    """

    what: str
    deployed: Deployment


def variants() -> tuple[Variant, ...]:
    """The ways that docs/cost.md compares, dearest first where the way in is the same."""
    everything = deployment(AccessLog="full", Architecture="x86_64", SystemLogLevel="INFO")
    return (
        Variant(
            "everything logged as Lambda does by default, x86_64",
            everything._replace(platform_log_bytes=size(TEXT_LOG)),
        ),
        Variant("`AccessLog=full`", deployment(AccessLog="full")),
        Variant("`template.yaml` as it is", deployment()),
        Variant("`AccessLog=off`", deployment(AccessLog="off")),
        Variant(
            "function URLs behind CloudFront: `CloudFront=true`", deployment(FUNCTION_URLS, CloudFront="true")
        ),
        Variant("function URLs: `deploy/function-urls`", deployment(FUNCTION_URLS)),
    )


def total(variant: Variant, measured: Measured, prices: Prices) -> float:
    """Dollars of a million plain calls."""
    return sum(dollars(PLAIN, measured, prices, variant.deployed).values()) * 1e6


def variants_table(measured: Measured, prices: Prices) -> Iterator[str]:
    """Lines of the table."""
    yield f"| a million plain calls, dollars | way in | {' | '.join(_SHOWN)} | together |"
    yield "|---|---" + "|---:" * (len(_SHOWN) + 1) + "|"
    for variant in variants():
        by_column = dollars(PLAIN, measured, prices, variant.deployed)
        assert set(_SHOWN) >= {name for name in COLUMNS if by_column[name]}
        cells = [f"{by_column[name] * 1e6:.2f}" if by_column[name] else "" for name in _SHOWN]
        yield (
            f"| {variant.what} | {variant.deployed.front} | {' | '.join(cells)} "
            f"| **{total(variant, measured, prices):.2f}** |"
        )
