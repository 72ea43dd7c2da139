"""Who decides what a principal may do."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from medsched.domain.access import Decision, Grant, Reach
from medsched.domain.principals import Principal


class Policy(Protocol):
    """Rules of access: the library's own are `medsched.engine.access.RolePolicy`.

    Asked of every principal but trusted ones. Neither method may read, wait or fail.
    """

    def permits(
        self, principal: Principal, operation: str, practice: str, now: datetime
    ) -> Decision:
        """Whether the principal may run an operation at all, whoever it is about."""
        ...

    def reach(
        self, principal: Principal, grants: Collection[Grant], operation: str, now: datetime
    ) -> Reach:
        """Whose records the operation may see and change, for this principal.

        ``grants`` are the principal's, those in force at ``now``, an aware instant.
        """
        ...
