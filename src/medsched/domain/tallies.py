"""What tallies are called."""

from __future__ import annotations

import json
from hashlib import blake2b


def tally_name(what: str, *about: object) -> str:
    """The name of the tally of something: short, and the same for the same parts."""
    text = json.dumps(about, ensure_ascii=False, separators=(",", ":"))
    return f"{what} {blake2b(text.encode(), digest_size=16).hexdigest()}"
