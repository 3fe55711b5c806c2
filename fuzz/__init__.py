"""A fuzzer of the Lambda handler: valid requests, changed by mutations; every response is checked.

``python -m fuzz`` runs it in bulk. ``fuzz.invariants`` and ``fuzz.states`` hold the rules, which the property
tests in ``tests/hostile`` share.
"""
