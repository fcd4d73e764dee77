"""authsvc: a self-hosted, fully async authentication service.

The floor plan. One may walk down, never up, and never between rooms (import-linter checks it):

    doors       api/  pages/  cli       wire shapes in, wire shapes out; who is asking
    hallway     flows/                  one verb per file; the story, read from top to bottom
    rooms       users/  passwords/  sessions/  tokens/  throttle/
                                        one noun each: its rules (pure) and its store (I/O)
    ledger      audit/                  what happened, written with the fact itself
    foundation  errors, keyspace        what can go wrong; what Redis holds
                kit/                    tools that never heard of authentication

app.py is the front hall, wiring.py knows what everything is made of, settings.py what can be set and
environment.py what is set, problems.py how an error is told over HTTP; devservers/ starts PostgreSQL and
Valkey for development.
"""

__version__ = "0.1.0"
