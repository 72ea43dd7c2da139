"""What tallies are called."""

from __future__ import annotations

import json
from hashlib import blake2b

from medsched.domain.fields import LONGEST_ID


def tally_name(what: str, *about: object) -> str:
    """The name of the tally of something: the same for the same parts, and never too long."""
    text = f"{what} {json.dumps(about, ensure_ascii=False, separators=(',', ':'))}"
    if len(text) <= LONGEST_ID:
        return text
    return f"{what} {blake2b(text.encode(), digest_size=16).hexdigest()}"
