"""Which records a reach reaches, as queries: see `medsched.domain.access.Reach`.

A visit says it in its columns. A patient is reached through the rows of others, and how these are
asked for depends on how many a reach may reach. By their own ids or by providers, few are: the
indexes name them all, and each is looked up. By locations, which no index knows, many are:
patients are walked in order of id, each asked for by the indexes on patients, until a page is full.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

import attrs
import sqlalchemy as sa
from sqlalchemy import Connection

from medsched.adapters.sqlalchemy.locking import chunks, nameable
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.domain.access import Reach
from medsched.domain.appointments import AppointmentStatus
from medsched.domain.people import Patient
from medsched.domain.reaching import reaches
from medsched.domain.stored import Kind, Stored

_NAMED: Final = 4000
"""How many ids of a reach, and of patients, one statement names; each of them up to three times.

SQLite takes 32,766 parameters unless it was built to take more.
"""
_VISITS: Final = frozenset({Kind.APPOINTMENT, Kind.HOLD})
_PROVIDERS: Final = {
    Kind.SERIES: "provider",
    Kind.WAITLIST_ENTRY: "providers",
    Kind.WAITLIST_OFFER: "provider",
}
"""What the field is called by which records that are no visits are found by provider."""


def is_told(kind: Kind) -> bool:
    """Whether `Reaching.those` of a kind are reached, all of them."""
    return kind not in _PROVIDERS


def is_limited(reach: Reach, kind: Kind) -> bool:
    """Whether there may be records of a kind that a reach does not reach."""
    return not reach.everything and (kind in _VISITS or kind in _PROVIDERS or kind is Kind.PATIENT)


def parts_of(reach: Reach) -> list[Reach]:
    """Reaches of so few ids that a statement can name them; together they reach the same.

    None names what no record can be called. Of an empty reach there are none.
    """
    ids = [
        (field, id)
        for field, some in enumerate((reach.patients, reach.providers, reach.locations))
        for id in sorted(filter(nameable, some))
    ]
    parts = []
    for named in chunks(ids, _NAMED):
        patients, providers, locations = (
            frozenset(id for field, id in named if field == at) for at in range(3)
        )
        parts.append(Reach(patients=patients, providers=providers, locations=locations))
    if reach.unplaced:
        parts.append(attrs.evolve(parts.pop() if parts else Reach(), unplaced=True))
    return parts


class Related(NamedTuple):
    """Patients who are reached by what they are registered with, and by visits."""

    registered: frozenset[str]
    visited: frozenset[str]


def asked_of(reach: Reach, records: Iterable[Stored]) -> set[str]:
    """The patients that must be looked at to tell which of these records a reach reaches."""
    asked = set[str]()

    def ask(patient: str) -> bool:
        asked.add(patient)
        return False

    for record in records:
        reaches(reach, record, ask)
    return asked


def reached_of(reach: Reach, records: Iterable[Stored], related: Related) -> list[Stored]:
    """Those of these records that a reach reaches, in their order.

    A patient among them is judged by what that record says they are registered with.
    """
    either = related.registered | related.visited
    return [
        record
        for record in records
        if reaches(
            reach,
            record,
            (related.visited if isinstance(record, Patient) else either).__contains__,
        )
    ]


@attrs.frozen
class Reaching:
    """What one part of a reach reaches in a practice, as conditions of queries."""

    tables: Tables
    practice: str
    reach: Reach

    def those(self, kind: Kind) -> sa.ColumnElement[bool]:
        """The records of a kind that are reached; unless `is_told`, with some that are not."""
        if kind in _VISITS:
            return self._visits()
        if kind is Kind.PATIENT:
            return self._walked() if self._may_be_many else self._looked_up()
        return sa.true() if self._may_be_many else self._naming(kind)

    def judged(self, connection: Connection, records: Sequence[Stored]) -> Sequence[Stored]:
        """Those of some records, of any kind, that are reached."""
        asked = asked_of(self.reach, records)
        return reached_of(self.reach, records, self.related(connection, asked))

    def related(self, connection: Connection, patients: Collection[str]) -> Related:
        """Which of these patients are reached, and how: one query for some thousands of them."""
        found: dict[str, set[str]] = {"registered": set(), "visited": set()}
        relations = self._relations()
        for some in chunks(sorted(patients), _NAMED) if relations else ():
            queries = [
                query.with_only_columns(sa.literal(name).label("by"), patient.label("id"))
                .where(patient.in_(some))
                .distinct()
                for name, query, patient in relations
            ]
            for name, id in connection.execute(sa.union_all(*queries)):
                found[name].add(id)
        return Related(frozenset(found["registered"]), frozenset(found["visited"]))

    @property
    def _may_be_many(self) -> bool:
        return bool(self.reach.locations or self.reach.unplaced)

    # ---------------------------------------------------------------------- visits

    def _visits(self) -> sa.ColumnElement[bool]:
        booking = self.tables.booking
        arms = [_in(booking.c.patient, self.reach.patients), *self._with(booking)]
        # Each alternative names the practice: SQLite would otherwise use no index for it.
        here = booking.c.practice == self.practice
        return sa.or_(sa.false(), *(sa.and_(here, arm) for arm in arms if arm is not None))

    def _with(self, booking: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        """What any one of makes a visit reached, whosever it is."""
        arms = [
            _in(booking.c.provider, self.reach.providers),
            _in(booking.c.location, self.reach.locations),
            booking.c.location.is_(None) if self.reach.unplaced else None,
        ]
        return [arm for arm in arms if arm is not None]

    # -------------------------------------------------------------------- patients

    def _looked_up(self) -> sa.ColumnElement[bool]:
        record, own, stated = self.tables.record, self.tables.record.alias("own"), []
        if self.reach.patients:
            here = (*self._of(own, Kind.PATIENT), own.c.id.in_(sorted(self.reach.patients)))
            stated = [sa.select(own.c.id).where(*here)]
        return record.c.id.in_(_all_of(*stated, *(one.query for one in self._relations())))

    def _walked(self) -> sa.ColumnElement[bool]:
        record = self.tables.record
        arms: list[sa.ColumnElement[bool]] = [record.c.id.in_(sorted(self.reach.patients))]
        for _, query, patient in self._relations():
            # A value that is looked up, not EXISTS: PostgreSQL would make a table of all of them.
            one: sa.Select[Any] = query.with_only_columns(sa.literal_column("1")).where(
                patient == record.c.id
            )
            arms.append(one.limit(1).correlate(record).scalar_subquery().is_not(None))
        return sa.or_(*arms)

    def _relations(self) -> list[_Relation]:
        """What says that patients are reached whom the reach does not name."""
        registered, visit = self.tables.filter.alias(), self.tables.booking.alias()
        value, found = registered.c.value, list[_Relation]()
        arms = [
            sa.and_(*self._of(registered, Kind.PATIENT), registered.c.field == field, here)
            for field, here in (
                ("providers", _in(value, self.reach.providers)),
                ("locations", _in(value, self.reach.locations)),
            )
            if here is not None
        ]
        if arms:
            query = sa.select(registered.c.id).where(sa.or_(*arms))
            found.append(_Relation("registered", query, registered.c.id))
        if arms := self._with(visit):
            real = visit.c.status != AppointmentStatus.ENTERED_IN_ERROR.value
            here = (*self._of(visit, Kind.APPOINTMENT), real, sa.or_(*arms))
            query = sa.select(visit.c.patient).where(*here)
            found.append(_Relation("visited", query, visit.c.patient))
        return found

    def _of(self, table: sa.FromClause, kind: Kind) -> tuple[sa.ColumnElement[bool], ...]:
        return table.c.practice == self.practice, table.c.kind == kind.value

    # ---------------------------------------------------------------------- others

    def _naming(self, kind: Kind) -> sa.ColumnElement[bool]:
        """The records of a kind that name a patient or provider through whom they are reached."""
        found = [
            self._found_by(kind, "patient", self.reach.patients),
            self._found_by(kind, _PROVIDERS[kind], self.reach.providers),
        ]
        if kind is Kind.WAITLIST_ENTRY and (relations := self._relations()):
            related = _all_of(*[one.query for one in relations])
            found.append(self._found_by(kind, "patient", related))
        return self.tables.record.c.id.in_(_all_of(*found))

    def _found_by(
        self, kind: Kind, field: str, values: frozenset[str] | sa.Select[Any]
    ) -> sa.Select[Any]:
        table = self.tables.filter.alias()
        some = sorted(values) if isinstance(values, frozenset) else values
        return sa.select(table.c.id).where(
            *self._of(table, kind), table.c.field == field, table.c.value.in_(some)
        )


class _Relation(NamedTuple):
    """Rows that tell of patients: what they tell, and which column names the patient."""

    name: str
    query: sa.Select[Any]
    patient: sa.ColumnElement[str]


def _in(column: sa.ColumnElement[Any], ids: frozenset[str]) -> sa.ColumnElement[bool] | None:
    return column.in_(sorted(ids)) if ids else None


def _all_of(*queries: sa.Select[Any]) -> sa.Select[Any]:
    """What any of these finds, as one table: MariaDB would ask each for every row otherwise."""
    found = (sa.union(*queries) if len(queries) > 1 else queries[0].distinct()).subquery()
    return sa.select(found.c[0])
