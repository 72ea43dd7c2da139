"""Random ids, and references that people can read to one another."""

from __future__ import annotations

from secrets import randbelow
from typing import Final
from uuid import uuid4

from medsched.domain.stored import Kind

_LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""No letter or digit that is easily taken for another one when it is read or heard."""
_LENGTH: Final = 8


class RandomIds:
    """`Ids` that are random UUIDs (RFC 9562, version 4), whatever the kind."""

    def new(self, kind: Kind) -> str:
        return str(uuid4())

    def reference(self) -> str:
        """Eight letters and digits, such as ``K7MQ-2XD9``: one of 656 thousand million."""
        drawn, made = randbelow(len(_LETTERS) ** _LENGTH), ""  # at once: each draw asks the system
        for _ in range(_LENGTH):
            drawn, at = divmod(drawn, len(_LETTERS))
            made += _LETTERS[at]
        return f"{made[: _LENGTH // 2]}-{made[_LENGTH // 2 :]}"

    def audit(self) -> str:
        return uuid4().hex
