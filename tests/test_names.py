"""Names of the library: each class has one of its own."""

import ast
from collections import Counter

from tests.test_layers import outside


def test_no_two_classes_share_a_name() -> None:
    """But for those of ``compat``, which are the names of other libraries."""
    names = Counter(
        node.name
        for tree in outside("compat").values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []
