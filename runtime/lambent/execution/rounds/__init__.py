"""Rounds of a call: its journal, questions, steps and request state."""
