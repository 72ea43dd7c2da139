"""The ids of what a command makes: new ones, or under a key such as the same key finds again."""

from __future__ import annotations

from collections.abc import Sequence

from medsched.domain.idempotency import scope_of
from medsched.domain.stored import Kind, Ref
from medsched.services.context import Context


class NewIds:
    """The ids of the record of a kind that one command makes, or of many.

    Under an idempotency key they follow from it, so that a repeated request finds what its first
    run made. A key answers for seven days only, and may be used for something else after that: so
    they follow from how often it was used, too.
    """

    def __init__(
        self,
        context: Context,
        kind: Kind | Sequence[Kind],
        operation: str,
        key: str | None,
        *,
        given: str = "",
    ) -> None:
        self._context = context
        self._many = not isinstance(kind, Kind)
        self._kinds = [kind] if isinstance(kind, Kind) else [*kind]
        self._given = given
        self._scope = None if key is None else scope_of(key, context.principal, operation)
        self._new: list[str] = []

    def to_make(self) -> list[str]:
        """The ids of what is made next; asked for again at each try."""
        if self._given:
            return [self._given]
        if self._scope is not None:
            return self._under(self._scope, self._used(self._scope))
        if not self._new:
            self._new = [self._context.surroundings.ids.new(kind) for kind in self._kinds]
        return self._new

    def made(self) -> list[str]:
        """The ids of what was made when the key was used last."""
        if self._given or self._scope is None:
            return self.to_make()
        return self._under(self._scope, max(self._used(self._scope) - 1, 0))

    def _used(self, scope: str) -> int:
        """How often something was made under the key."""
        found = 0
        while self._stored(self._under(scope, found)):
            found += 1
        return found

    def _stored(self, ids: list[str]) -> bool:
        refs = [Ref(kind, id) for kind, id in zip(self._kinds, ids, strict=True)]
        return bool(refs) and bool(self._context.store.get_many(self._context.practice, refs))

    def _under(self, scope: str, time: int) -> list[str]:
        first = f"{scope}.{time}" if time else scope
        return [f"{first}-{at}" for at in range(len(self._kinds))] if self._many else [first]
