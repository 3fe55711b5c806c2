"""Adapters of the ports. Each imports its client library at first use."""
