"""Room: what they know."""
