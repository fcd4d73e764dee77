"""Room: who exists."""
