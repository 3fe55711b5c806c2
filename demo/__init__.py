"""`make demo`: a real client session against functions/orders behind the local gateway."""
