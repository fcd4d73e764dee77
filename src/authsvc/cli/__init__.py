"""The command line: ``authsvc --help``.

commands.py   every command, as it is typed
dev.py        ``authsvc dev``: all that development needs, in one process
welcome.py    what ``dev`` says when it is ready
serve.py      ``authsvc serve``: the production start
operate.py    what the other commands do
ledger.py     ``authsvc audit``: what happened
grants.py     ``authsvc grants``: what the service must be allowed, and nothing more
doctor.py     ``authsvc doctor``: what is wrong, and what to do about it
listening.py  the port, held before anything else is started
failures.py   what went wrong, as a sentence
"""

from authsvc.cli.commands import main

__all__ = ["main"]
