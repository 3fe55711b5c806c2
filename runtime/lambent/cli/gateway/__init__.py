"""HTTP in front of Lambda environments on this machine: for `lambent dev` and for tests."""
