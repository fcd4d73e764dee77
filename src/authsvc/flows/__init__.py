"""The hallway: one verb a file. A dataclass lists what the verb needs; ``__call__`` tells the story."""
