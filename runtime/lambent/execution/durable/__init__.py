"""What outlives a request: records with leases, idempotent calls, sessions and tasks."""
