"""Bytes in, values out: JSON-RPC, protocol eras, HTTP rules, results and SSE frames. No IO."""
