"""Room: what others can check."""
