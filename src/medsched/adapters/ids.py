"""Random ids."""

from __future__ import annotations

from uuid import uuid4

from medsched.domain.stored import Kind


class RandomIds:
    """`Ids` that are random UUIDs (RFC 9562, version 4), whatever the kind."""

    def new(self, kind: Kind) -> str:
        return str(uuid4())
