"""One small module a peer: ``build()`` makes the handler that Lambda would call."""
