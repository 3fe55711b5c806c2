"""Where requests come from. The only layer that reads the environment."""
