"""The command line: ``authsvc --help``."""

from authsvc.cli.commands import main

__all__ = ["main"]
