"""Create, read, list, update, deactivate and delete: the same for every noun."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, ParamSpec, cast, overload

from medsched.domain.access import EVERYTHING
from medsched.domain.pages import Page, cursor, read_cursor
from medsched.domain.stored import NounT, StoredT, kind_of
from medsched.domain.stranding import Stranded
from medsched.errors import InvalidChoice
from medsched.services.context import Context
from medsched.services.gates import Gate
from medsched.services.queries import Query
from medsched.services.writer import Writer

Q = ParamSpec("Q")
"""What a list may be asked for: the fields of a `Query`."""
F = ParamSpec("F")
"""The fields of a noun."""


class Listing(Generic[StoredT, Q]):
    """The records of one class in one practice, to be read."""

    def __init__(
        self,
        context: Context,
        cls: type[StoredT],
        query: Callable[Q, Query],
        *,
        sift: Callable[[Gate, Sequence[StoredT]], Sequence[StoredT]] | None = None,
    ) -> None:
        self._context = context
        self._cls = cls
        self._query = query
        self._sift = sift
        """What is shown of some records, where the store cannot tell that by itself."""

    def _admit(self, verb: str, named: object = None) -> Gate:
        kind = kind_of(self._cls)
        return self._context.admit(f"{kind.value}.{verb}", kind, named)

    def get(self, id: str) -> StoredT:
        """The record of this id, active or not; `NotFound` if there is none."""
        gate = self._admit("read", id)
        return gate.show(self._context.shown(gate, self._cls, id))

    def find(self, id: str) -> StoredT | None:
        """The record of this id, active or not; None if there is none."""
        gate = self._admit("read", id)
        found = self._context.looked_up(gate, self._cls, id)
        return None if found is None else gate.show(found)

    def list(self, *args: Q.args, **filters: Q.kwargs) -> Page[StoredT]:
        """A page of the records, in order of id; without arguments the first hundred active ones.

        Takes ``active``, ``limit`` and ``cursor`` (see `Query`), and filters by name.
        `InvalidNumber` for a limit that is not 1 to 1000, `InvalidCursor` for a cursor that
        this list, with these filters, did not give.
        """
        gate = self._admit("list")
        query, practice = self._query(*args, **filters), self._context.practice
        scope = query.scope(practice, kind_of(self._cls).value)
        after = None if query.cursor is None else read_cursor(scope, query.cursor)
        # One more than is shown, to know whether there is more.
        found = self._found(gate, query, after, query.limit + 1)
        shown = gate.shown(found[: query.limit])
        return Page(shown, cursor(scope, shown[-1].id) if len(found) > len(shown) else None)

    def _found(self, gate: Gate, query: Query, after: str | None, most: int) -> Sequence[StoredT]:
        """The first records after an id that are reached."""
        sift = None if gate.sees_all else self._sift
        found: list[StoredT] = []
        while True:
            page = self._context.store.page(
                self._context.practice,
                self._cls,
                active=query.active,
                where=dict(query.filters()),
                after=after,
                limit=most,
                within=gate.reach if sift is None else EVERYTHING,
            )
            if sift is None:
                return page
            found += sift(gate, page)
            if len(found) >= most or len(page) < most:
                return found[:most]
            after = page[-1].id


class Records(Listing[NounT, Q], Generic[NounT, Q]):
    """The records of one class in one practice."""

    def __init__(self, context: Context, cls: type[NounT], query: Callable[Q, Query]) -> None:
        super().__init__(context, cls, query)
        self._writer = Writer(context)

    def update(
        self,
        record: NounT,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> NounT:
        """Store a changed record, made by ``attrs.evolve`` from the stored one.

        It comes back with its next version. `NotFound` if it is not stored,
        `VersionConflict` if it was changed since it was read, and what creating it raises.

        ``stranded`` says what becomes of the appointments whose hours it takes away: ``refuse``,
        unless given, which raises `AppointmentsStranded`; ``keep``, ``cancel``, or ``move``, see
        `Stranded`. Those who are cancelled are told the ``reason``, up to 500 characters; else
        that of the record.

        Repeated under its ``idempotency_key`` it returns its first result: see `Appointments`. The
        version of the record is no part of the request.
        """
        gate = self._admit("update", record)
        if not isinstance(record, self._cls):
            why = f"a {kind_of(self._cls).value} is needed"
            raise InvalidChoice("record", type(record).__name__, why)
        return self._writer.update(
            gate, record, stranded=stranded, reason=reason, key=idempotency_key
        )

    def deactivate(
        self,
        record: NounT | str,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> NounT:
        """Keep a record, and let it take no part in scheduling; `NotFound` if there is none.

        It is named by its id, or as it was read: then `VersionConflict` if it was changed since.
        ``stranded``, ``reason`` and ``idempotency_key`` as in `update`.
        """
        return self._writer.set_active(
            self._admit("deactivate", record),
            *(self._cls, record, False),
            stranded=stranded,
            reason=reason,
            key=idempotency_key,
        )

    def activate(
        self,
        record: NounT | str,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> NounT:
        """Let a record take part in scheduling again; `NotFound` if there is none.

        It is named as for `deactivate`. What has changed since then may refuse it, as on creating
        it. ``stranded``, ``reason`` and ``idempotency_key`` as in `update`: a closure takes hours
        away when it is activated.
        """
        return self._writer.set_active(
            self._admit("activate", record),
            *(self._cls, record, True),
            stranded=stranded,
            reason=reason,
            key=idempotency_key,
        )

    def delete(
        self,
        id: str,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> None:
        """Remove a record for good; `NotFound` if there is none, `InUse` if others refer to it.

        ``stranded``, ``reason`` and ``idempotency_key`` as in `update`.
        """
        self._writer.delete(
            self._admit("delete", id),
            *(self._cls, id),
            stranded=stranded,
            reason=reason,
            key=idempotency_key,
        )


class Directory(Records[NounT, Q], Generic[NounT, F, Q]):
    """The records of a noun that is created from its fields: people, places, types."""

    def __init__(
        self, context: Context, noun: Callable[F, NounT], query: Callable[Q, Query]
    ) -> None:
        # A class, seen as the function of its fields: so a type checker knows them.
        super().__init__(context, cast("type[NounT]", noun), query)
        self._noun = noun

    @overload
    def create(self, *args: F.args, **fields: F.kwargs) -> NounT: ...
    @overload
    def create(self, *args: Any, idempotency_key: str | None, **fields: Any) -> NounT: ...
    def create(self, *args: Any, **fields: Any) -> NounT:
        """Store a new record, made from its fields, and return it as stored.

        Takes the fields of the noun. Without an id it is given one. Raises what the noun
        raises for a bad field; `AlreadyExists` for an id that is taken; `NotFound` for a
        record that it names and that is not there; `UnknownZone`; `InvalidDuration` for a
        length outside the practice's bounds.

        Repeated under its ``idempotency_key`` it returns the record that it made: see
        `Appointments`. Type checkers then take any fields.
        """
        gate, key = self._admit("create"), fields.pop("idempotency_key", None)
        return self._writer.create_one(gate, self._noun(*args, **fields), key=key)
