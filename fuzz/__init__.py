"""A fuzzer of the Lambda handler: valid requests, mutated by structure, answers checked against the rules.

``python -m fuzz`` runs it; ``fuzz.invariants`` and ``fuzz.states`` hold the rules, which the property tests
in ``tests/hostile`` share.
"""
