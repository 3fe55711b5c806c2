"""Adapters of the ports. Each imports what it adapts on first use."""
