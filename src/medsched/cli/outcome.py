"""How a command ends."""

from __future__ import annotations

from typing import Final

import attrs

from medsched.errors import MedschedError

DONE: Final = 0
REFUSED: Final = 1
BAD_INPUT: Final = 2


@attrs.define(eq=False, slots=False)
class BadArgument(MedschedError, ValueError):
    """An argument of the command that cannot be used; ``option`` as it is written."""

    option: str
    why: str

    def sentence(self) -> str:
        """Say which option is wrong, and why."""
        return f"{self.option}: {self.why}"
