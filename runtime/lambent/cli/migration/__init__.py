"""What `lambent migrate` does: a server of another SDK gets the imports of `lambent.compat`."""
