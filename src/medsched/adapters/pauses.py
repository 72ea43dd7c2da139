"""Pauses that really pass."""

from __future__ import annotations

import time
from random import uniform


class JitteredPauses:
    """`Pauses` that sleep a random time, up to twice as long after each try: 4, 8, 16… ms."""

    def pause(self, tries: int) -> None:
        time.sleep(uniform(0, 0.002 * 2**tries))
