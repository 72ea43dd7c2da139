"""The ``medsched`` command."""

from medsched.cli.command import main

__all__ = ["main"]
