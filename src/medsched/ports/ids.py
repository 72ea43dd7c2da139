"""Names for new records."""

from __future__ import annotations

from typing import Protocol

from medsched.domain.stored import Kind


class Ids(Protocol):
    """Makes ids for records that come without one."""

    def new(self, kind: Kind) -> str:
        """An id that no record of this kind has had, in any practice: 1 to 255 characters."""
        ...

    def reference(self) -> str:
        """What to call an appointment when people speak of it: short, hardly ever made twice."""
        ...

    def audit(self) -> str:
        """The id of an entry in the audit: one that no entry has had, of up to 32 characters."""
        ...
