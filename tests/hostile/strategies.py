"""Strategies for hostile values, headers and requests."""

import json
from typing import Any

from fuzz import corpus, values
from fuzz.events import KINDS
from hypothesis import strategies as st

TEXT = st.text(max_size=60)
"""Any text but lone surrogates, which no UTF-8 can carry."""

SURROGATES = st.text(st.characters(categories=["Cs", "Ll"]), min_size=1, max_size=5)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1e308, 5e-324, 2**53, 2**63, 2**64, -(2**63) - 1, 10**300, 10**4299]),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT, SURROGATES, st.sampled_from(values.JSON_VALUES))
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | SURROGATES, inner, max_size=4),
    max_leaves=12,
)
"""Any JSON value, as Python has it; ``json.dumps`` writes lone surrogates as escapes."""

SEEDS = st.sampled_from([corpus.message(method, params) for method, params in corpus.seeds()])
"""A valid request of any kind."""

KIND = st.sampled_from(sorted(KINDS))
HEADER_VALUES = st.one_of(
    st.sampled_from(values.HEADER_VALUES),
    st.text(st.characters(codec="latin-1"), max_size=40),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40),
)
"""A header's value as a platform passes it on."""

HEADERS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(values.HEADER_NAMES), st.from_regex(r"[A-Za-z0-9-]{1,20}", fullmatch=True)),
        HEADER_VALUES,
    ),
    max_size=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid request in which one member, at any depth, is removed or replaced."""
    message = json.loads(json.dumps(draw(SEEDS)))
    container, key = message, draw(st.sampled_from(sorted(message)))
    while draw(st.booleans()) and isinstance(container[key], dict | list) and container[key]:
        container = container[key]
        keys = sorted(container) if isinstance(container, dict) else range(len(container))
        key = draw(st.sampled_from(keys))
    if draw(st.booleans()):
        container[key] = draw(JSON)
    else:
        del container[key]
    return message
