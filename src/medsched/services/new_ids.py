"""The ids of what a command makes: new ones, or under a key such as the same key finds again."""

from __future__ import annotations

from medsched.domain.idempotency import scope_of
from medsched.domain.stored import Kind, Ref
from medsched.services.context import Context


class NewIds:
    """The ids of records of one kind that one command makes.

    Under an idempotency key they follow from it, so that a repeated request finds what its first
    run made. A key answers for seven days only, and may be used for something else after that: so
    they follow from how often it was used, too.
    """

    def __init__(
        self,
        context: Context,
        kind: Kind,
        operation: str,
        key: str | None,
        *,
        given: str = "",
        many: int | None = None,
    ) -> None:
        self._context = context
        self._kind = kind
        self._given = given
        self._many = many
        self._scope = None if key is None else scope_of(key, context.principal, operation)
        self._new: list[str] = []

    def to_make(self) -> list[str]:
        """The ids of what is made next; asked for again at each try."""
        if self._given:
            return [self._given]
        if self._scope is not None:
            return self._under(self._scope, self._used(self._scope))
        if not self._new:
            ids, many = self._context.surroundings.ids, self._many
            self._new = [ids.new(self._kind) for _ in range(1 if many is None else many)]
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
        refs = [Ref(self._kind, id) for id in ids]
        return bool(refs) and bool(self._context.store.get_many(self._context.practice, refs))

    def _under(self, scope: str, time: int) -> list[str]:
        first = f"{scope}.{time}" if time else scope
        return [first] if self._many is None else [f"{first}-{at}" for at in range(self._many)]
