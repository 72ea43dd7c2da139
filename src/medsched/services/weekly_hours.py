"""The hours of the week as rows: read, added, written anew and ended one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Final

import attrs

from medsched.domain.availability import AvailabilityRule
from medsched.domain.events import Change
from medsched.domain.records import Resource
from medsched.domain.records import resource as resource_of
from medsched.domain.stored import KEEPS_HOURS, Kind, Ref
from medsched.domain.stranding import Stranded
from medsched.domain.weekly_hours import WeeklyHours
from medsched.engine.weekly_hours import row_of, rows_of, rules_of, without, written
from medsched.errors import InvalidChoice, NotFound, VersionConflict
from medsched.services.context import Context
from medsched.services.gates import Gate
from medsched.services.stranding import Fate
from medsched.services.view import View
from medsched.services.writer import Division, Writer
from medsched.timeline.recurrence import Recurrence

_OF_A_RULE: Final = frozenset({"rule", "version", "created_at", "updated_at"})
"""What a row has of its rule, and no request says."""
Found = tuple[AvailabilityRule, WeeklyHours]


class WeeklyRows:
    """The rules of one practice as rows: one for each day of the week and stretch of hours.

    Rows are told that have a date from today on, which is UTC's. They are as their rules are, and
    who may read or change those may read or change these. Each change is one of rules: stored as a
    whole or not at all, and then the ids of other rows of the same rule may be other ones, too.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writer = Writer(context)

    # -------------------------------------------------------------------- reading

    def get(self, id: str) -> WeeklyHours:
        """The row of this id, active or not; `NotFound` if there is none."""
        found = self.find(id)
        if found is None:
            raise NotFound(Kind.RULE.value, id)
        return found

    def find(self, id: str) -> WeeklyHours | None:
        """The row of this id, active or not; None if there is none."""
        gate = self._context.admit("rule.read", Kind.RULE, id)
        found = _among(_rules(gate, View(self._context), id), id, self._today)
        if found is None:
            return None
        rule, row = found
        gate.show(rule)
        return row

    def list(
        self, resource: Resource | str, *, active: bool | None = True
    ) -> tuple[WeeklyHours, ...]:
        """All rows of a provider, named by the id, or of another `Resource`: by day and start.

        The active ones, unless ``active`` says which; None: all. `NotFound` for an unknown
        resource, `InvalidChoice` for a patient, who keeps no hours.
        """
        gate = self._context.admit("rule.list")
        whose, view, today = resource_of(resource), View(self._context), self._today
        if whose.kind not in KEEPS_HOURS:
            raise InvalidChoice("resource", str(whose), f"a {whose.kind.value} keeps no hours")
        if whose != view.practice and view.row(Ref.of(whose)) is None:
            raise NotFound(whose.kind.value, whose.id)
        found = self._context.records(AvailabilityRule, active=active, where={"resource": whose})
        rows = [row for rule in gate.shown(found) for row in rows_of(rule, today)]
        return tuple(sorted(rows, key=lambda row: (row.day, row.hours.start, row.id)))

    # ------------------------------------------------------------------- changing

    def add(
        self,
        row: WeeklyHours,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        idempotency_key: str | None = None,
    ) -> WeeklyHours:
        """Store a row as a rule of its own, each week from today on; it comes back with its id.

        Raises what `AvailabilityRecords.add` raises; repeated under its ``idempotency_key`` it
        returns what it stored: see `Appointments`.
        """
        gate = self._context.admit("availability.add")
        _check(row)
        rule = AvailabilityRule(
            row.resource,
            Recurrence.weekly([row.day], start=self._today),
            id=row.id,
            hours=row.hours,
            breaks=row.breaks,
            location=row.location,
            active=row.active,
        )
        said, fate = {"row": _said_of(row)}, Fate(stranded)
        made = self._writer.create_one(gate, rule, said=said, fate=fate, key=idempotency_key)
        return _told(row, made)

    def update(
        self,
        row: WeeklyHours,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> WeeklyHours:
        """Write one row anew, made by ``attrs.evolve`` from the one that was read, or by hand.

        All other rows of its rule stay as they are, and so does all else that the rule says. Where
        there are others, the row becomes a rule of its own: it comes back with the id that it has
        then. `VersionConflict` if its rule was changed since it was read; who has made it by hand,
        of version 0, writes over whatever is there.

        `NotFound` if no such row is stored, or it is of another resource. `NotWeekly` for a row of
        hours that are not the same each week, unless it is all there is of them, on its own day.
        `InvalidDuration` where a length or type that the rule states does not fit into the rows
        apart. Otherwise raises what `AvailabilityRecords.split` raises, as for an appointment that
        the rows would leave outside of hours.

        ``stranded``, ``reason`` and ``idempotency_key`` as in `Records.update`.
        """
        gate = self._context.admit("rule.update", Kind.RULE, row)
        gate.also("availability.add")
        _check(row)

        def divided(view: View) -> Division[AvailabilityRule]:
            rule, was = _stored(gate, view, row, today)
            made, *beside = written(rule, was, row, today)
            return Division(rule, made, _named(beside, ids))

        fate, today, ids = Fate(stranded, reason), self._today, self._new_ids()
        request = self._writer.keyed(gate, idempotency_key, {"row": _said_of(row)}, fate)
        made = self._writer.divide(gate, divided, lambda rules: rules[-1], fate, request)
        return _told(row, made)

    def end(
        self,
        row: WeeklyHours | str,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> None:
        """Offer one row no more; all other rows of its rule stay as they are.

        It is named by its id, or as it was read: then `VersionConflict` if its rule was changed
        since. A rule that has no other row is deactivated and kept; from others it is taken out.
        Raises what `update` raises; ``stranded``, ``reason`` and ``idempotency_key`` as there.
        """
        gate = self._context.admit("rule.deactivate", Kind.RULE, row)
        gate.also("rule.update")
        gate.also("availability.add")
        if not isinstance(row, str):
            _check(row)

        def divided(view: View) -> Division[AvailabilityRule]:
            rule, was = _stored(gate, view, row, today)
            if was.id == rule.id:
                return Division(rule, attrs.evolve(rule, active=False), change=Change.DEACTIVATED)
            made, *beside = without(rule, was, today)
            return Division(rule, made, _named(beside, ids))

        fate, today, ids = Fate(stranded, reason), self._today, self._new_ids()
        said = {"id": row if isinstance(row, str) else row.id}
        request = self._writer.keyed(gate, idempotency_key, said, fate)
        self._writer.divide(gate, divided, lambda _: None, fate, request)

    @property
    def _today(self) -> date:
        return self._context.now().date()

    def _new_ids(self) -> Callable[[int], str]:
        """The first id that is needed, the second and so on: the same ones at each try."""
        return cache(lambda _: self._context.surroundings.ids.new(Kind.RULE))


def _rules(gate: Gate, view: View, row: WeeklyHours | str) -> Sequence[AvailabilityRule]:
    """The rules that a row may be of, named by its id or as it was read; the likeliest first."""
    id, known = (row, "") if isinstance(row, str) else (row.id, row.rule)
    refs = [Ref(Kind.RULE, one) for one in rules_of(id) if known in ("", one)]
    view.read(refs)
    found = (gate.found(view.get(AvailabilityRule, ref), ref) for ref in refs)
    return [rule for rule in found if rule is not None]


def _among(rules: Iterable[AvailabilityRule], id: str, today: date) -> Found | None:
    """The row of an id among those of some rules."""
    found = ((rule, row_of(rule, id, today)) for rule in rules)
    return next(((rule, row) for rule, row in found if row is not None), None)


def _stored(gate: Gate, view: View, row: WeeklyHours | str, today: date) -> Found:
    """The row that is to be changed, as it is stored; `NotFound`, `VersionConflict`.

    One that is given as a whole must be of the same resource and, if it was read, of the version.
    """
    rules, id = _rules(gate, view, row), row if isinstance(row, str) else row.id
    if not isinstance(row, str):
        rules = [rule for rule in rules if rule.resource == row.resource]
        same = [rule for rule in rules if row.version in (0, rule.version)]
        if rules and not same:
            read, found_at = row.version, rules[0].version
            raise VersionConflict(Kind.RULE.value, rules[0].id, read, found_at)
        rules = same
    found = _among(rules, id, today)
    if found is None:
        raise NotFound(Kind.RULE.value, id)
    return found


def _named(rules: Sequence[AvailabilityRule], ids: Callable[[int], str]) -> list[AvailabilityRule]:
    return [attrs.evolve(rule, id=ids(at)) for at, rule in enumerate(rules)]


def _told(row: WeeklyHours, rule: AvailabilityRule) -> WeeklyHours:
    """A row as it was written, of its rule as that was stored then."""
    assert rule.updated_at is not None  # it is stored
    told = rows_of(rule, rule.updated_at.date())
    same = (one for one in told if (one.day, one.hours) == (row.day, row.hours))
    return next(same, attrs.evolve(row, id=rule.id, rule=rule.id, version=rule.version))


def _said_of(row: WeeklyHours) -> Mapping[str, Any]:
    """What a request says of a row."""
    said = attrs.asdict(row, recurse=False)
    return {name: value for name, value in said.items() if name not in _OF_A_RULE}


def _check(row: object) -> None:
    if not isinstance(row, WeeklyHours):
        raise InvalidChoice("row", type(row).__name__, "a row of weekly hours is needed")
