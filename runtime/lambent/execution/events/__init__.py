"""Events: occurrences in logs, and their delivery (SEP-3415); loaded where a server declares some."""
