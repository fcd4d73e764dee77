"""Room: staying signed in."""
