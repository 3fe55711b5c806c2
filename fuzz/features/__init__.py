"""The features of the server that is fuzzed: one of every kind."""
