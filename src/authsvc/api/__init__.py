"""The doors: what goes over the wire, and who is asking."""
