"""HTTP in front of Lambda environments on this machine: what `lambent dev` runs, and tests run against."""
