"""Room: how often one may try."""
