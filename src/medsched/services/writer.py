"""How every record is written: created, changed, removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

import attrs

from medsched.domain.access import Grant
from medsched.domain.changes import Changeset, RowVersion
from medsched.domain.events import Change, Event
from medsched.domain.holds import Hold
from medsched.domain.idempotency import KeyedRequest, keyed_request
from medsched.domain.people import Patient
from medsched.domain.places import PracticeSettings
from medsched.domain.records import Identified, Resource
from medsched.domain.series import Series
from medsched.domain.stored import (
    BookingRecord,
    HoursRecord,
    Kind,
    Noun,
    NounT,
    Ref,
    kind_of,
    references,
    scheduled_by,
)
from medsched.domain.stranding import Stranded, Stranding
from medsched.domain.time_blocks import TimeBlock
from medsched.domain.waitlist import WaitlistEntry, WaitlistOffer
from medsched.engine.time_blocks import with_zones
from medsched.errors import AlreadyExists, InUse, InvalidChoice, NotFound, VersionConflict
from medsched.services.checks import check
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.new_ids import NewIds
from medsched.services.placements import Placements
from medsched.services.registering import check_change, registered
from medsched.services.schedules import schedule_in
from medsched.services.stranding import REFUSED, Altered, Fate, Stranders
from medsched.services.view import View

T = TypeVar("T")
_SET_HERE: Final = frozenset({"version", "created_at", "updated_at"})


class Target(NamedTuple, Generic[NounT]):
    """The record that is to be changed: its class and id, and what it is if none is stored."""

    cls: type[NounT]
    id: str
    default: NounT | None = None


class Division(NamedTuple, Generic[NounT]):
    """A record as it is stored, what becomes of it, and the new ones beside it, each with an id."""

    stored: NounT
    changed: NounT
    beside: Sequence[NounT] = ()
    change: Change = Change.UPDATED


@attrs.frozen
class Writer:
    """Writes records of any kind, all or nothing.

    Each method raises what `check` raises, and `StorageBusy` when rivals kept changing the
    same things. Ids and the time of a change are fixed before the first try. ``stranded`` says
    what becomes of the appointments that a change takes the hours of (`Stranded`), by default
    `AppointmentsStranded`; ``reason`` is what those are told who are cancelled with it, that of
    the record unless given. What runs under a ``request``, or a ``key`` that one is made of, and
    was carried out before, returns its first result and changes nothing.
    """

    context: Context

    def keyed(
        self, gate: Gate, key: str | None, said: Mapping[str, Any], fate: Fate = REFUSED
    ) -> KeyedRequest | None:
        """The request of a command under its idempotency key, if it has one; `InvalidId`."""
        if key is None:
            return None
        whole = {**said, "stranded": fate.stranded, "reason": fate.reason}
        by, now = self.context.principal, self.context.now()
        return keyed_request(key, by, gate.operation, whole, now)

    def create_one(
        self,
        gate: Gate,
        record: NounT,
        *,
        said: Mapping[str, Any] | None = None,
        fate: Fate = REFUSED,
        key: str | None = None,
    ) -> NounT:
        """Store a new record, as `create` does; ``said`` is what is asked for, if not that."""
        self._choose(gate, [record])
        request = self.keyed(gate, key, said or {"record": said_of(record)}, fate)
        ids = self._new_ids([record])
        return self._create(gate, [record], ids, request, fate, lambda made: made[0])

    def create(
        self,
        gate: Gate,
        records: Sequence[NounT],
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        key: str | None = None,
    ) -> tuple[NounT, ...]:
        """Store new records, which may refer to one another; they come back as stored.

        One without an id is given one; version and times are set here, whatever they say.
        `AlreadyExists` for an id that is stored, or comes twice. Where the time of a record depends
        on a zone that it does not state, it comes back with it (see `TimeBlock`). Repeated under
        their ``key`` they come back as they are by then.
        """
        self._choose(gate, records)
        fate = Fate(stranded, reason)
        if key is None:
            return self._create(gate, records, self._new_ids(records), None, fate, tuple)
        request = self.keyed(gate, key, {"records": [said_of(one) for one in records]}, fate)
        ids = NewIds(self.context, [kind_of(type(one)) for one in records], gate.operation, key)
        made: tuple[NounT, ...] | None = self._create(
            gate, records, ids.to_make(), request, fate, tuple
        )
        if made is not None:
            return made
        return self._made_before(gate, self._named(records, ids.made()))

    def _choose(self, gate: Gate, records: Sequence[Noun]) -> None:
        """Let the principal choose the ids of new records, but of patients; `NotAllowed`."""
        for record in records:
            if not isinstance(record, Patient):
                gate.choose(record.id)

    def _create(
        self,
        gate: Gate,
        records: Sequence[NounT],
        ids: Sequence[str],
        request: KeyedRequest | None,
        fate: Fate,
        told: Callable[[tuple[NounT, ...]], T],
    ) -> T:
        """Store new records, under these ids where they have none; what is told of them."""
        for record in records:
            if isinstance(record, BookingRecord | Series):
                why = "what takes time is booked, not stored"
                raise InvalidChoice("records", kind_of(type(record)).value, why)
            if isinstance(record, WaitlistEntry | WaitlistOffer):
                why = "the waitlist is joined, not stored"
                raise InvalidChoice("records", kind_of(type(record)).value, why)
            if isinstance(record, Grant):
                why = "access is granted, not stored"
                raise InvalidChoice("records", kind_of(type(record)).value, why)
        now = self.context.now()
        new = tuple(
            attrs.evolve(one, version=1, created_at=now, updated_at=now)
            for one in self._named([self._allowed(gate, one) for one in records], ids)
        )

        def decide() -> tuple[T, Changeset]:
            view = View(self.context)
            view.read(ref for record in new for ref in (Ref.to(record), *references(record)))
            seen = set()
            for ref in map(Ref.to, new):
                if ref in seen or view.row(ref) is not None:
                    raise AlreadyExists(ref.kind.value, ref.id)
                seen.add(ref)
            made = self._settled(view, new)
            altered = [Altered(None, record) for record in made]
            return told(made), self._written(view, altered, Change.CREATED, fate)

        return self.context.commit(gate, decide, request)

    def _allowed(self, gate: Gate, record: NounT) -> NounT:
        """A new record as the principal may store it; `NotAllowed`."""
        if isinstance(record, Patient):
            return cast("NounT", registered(gate, record))
        if isinstance(record, HoursRecord):
            gate.keep(record.resource)
        return record

    def _new_ids(self, records: Sequence[Noun]) -> list[str]:
        """New ids for those that have none."""
        ids = self.context.surroundings.ids
        return [one.id or ids.new(kind_of(type(one))) for one in records]

    def _named(self, records: Sequence[NounT], ids: Sequence[str]) -> list[NounT]:
        """The records, those without an id with these; the settings' is that of the practice."""
        named = []
        for one, id in zip(records, ids, strict=True):
            if isinstance(one, Identified) and not one.id:
                own = self.context.practice if isinstance(one, PracticeSettings) else id
                named.append(cast("NounT", attrs.evolve(one, id=own)))
            else:
                named.append(one)
        return named

    def _settled(self, view: View, records: tuple[NounT, ...]) -> tuple[NounT, ...]:
        """The records, time blocks with their zones."""
        blocks = [one for one in records if isinstance(one, TimeBlock) and one.timezone is None]
        view.lay(blocks)
        zoned: dict[str, TimeBlock] = {}
        for owner in {block.resource for block in blocks}:
            schedule, own = schedule_in(view, owner), (b for b in blocks if b.resource == owner)
            for block in with_zones(own, schedule, self.context.zones):
                zoned[block.id] = block
        return tuple(
            cast("NounT", zoned.get(one.id, one)) if isinstance(one, TimeBlock) else one
            for one in records
        )

    def update(
        self,
        gate: Gate,
        record: NounT,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        key: str | None = None,
    ) -> NounT:
        """Store a changed record in place of the version that it states; it comes back as stored.

        `NotFound` if it is not stored, `VersionConflict` if another version is.
        """

        def changed(stored: NounT) -> NounT:
            _check_version(stored, record)
            return record

        fate = Fate(stranded, reason)
        asked = self.keyed(gate, key, {"record": said_of(record)}, fate)
        cls, updated = type(record), Change.UPDATED
        return self.change(gate, cls, record.id, updated, changed, fate=fate, request=asked)

    def split(
        self,
        gate: Gate,
        record: NounT,
        others: Sequence[NounT],
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        key: str | None = None,
    ) -> tuple[NounT, ...]:
        """Store a changed record and new ones beside it, as one change; they come back as stored.

        Raises what `update` and `create` raise. Repeated under their ``key`` they come back as they
        are by then.
        """
        self._choose(gate, others)
        fate, ref = Fate(stranded, reason), Ref.to(record)
        said = {"record": said_of(record), "others": [said_of(one) for one in others]}
        request = self.keyed(gate, key, said, fate)
        ids = NewIds(self.context, [kind_of(type(one)) for one in others], gate.operation, key)

        def divided(view: View) -> Division[NounT]:
            stored = gate.seen(ref, lambda: view.get(type(record), ref))
            _check_version(stored, record)
            return Division(stored, record, self._named(others, ids.to_make()))

        done: tuple[NounT, ...] | None = self.divide(gate, divided, tuple, fate, request)
        if done is not None:
            return done
        return self._made_before(gate, [record, *self._named(others, ids.made())])

    def divide(
        self,
        gate: Gate,
        find: Callable[[View], Division[NounT]],
        told: Callable[[tuple[NounT, ...]], T],
        fate: Fate,
        request: KeyedRequest | None,
    ) -> T:
        """Store what becomes of a record that is found, and what comes beside it, as one change.

        What is told of them, the changed one first. What stays as it is, alone, is not written,
        unless the change is an update. What ``find`` raises is no matter to a repeated request.
        """
        now = self.context.now()

        def decide() -> tuple[T, Changeset | None]:
            view = View(self.context)
            stored, made, beside, change = find(view)
            _check_change(gate, stored, made)
            if made == stored and not beside and change is not Change.UPDATED:
                return told((stored,)), None
            version, created = stored.version + 1, stored.created_at or now
            changed = attrs.evolve(made, version=version, created_at=created, updated_at=now)
            new = [
                attrs.evolve(self._allowed(gate, one), version=1, created_at=now, updated_at=now)
                for one in beside
            ]
            view.read(ref for one in new for ref in references(one))
            altered = [Altered(stored, changed), *(Altered(None, one) for one in new)]
            return told((changed, *new)), self._written(view, altered, change, fate)

        return self.context.commit(gate, decide, request)

    def _made_before(self, gate: Gate, records: Sequence[NounT]) -> tuple[NounT, ...]:
        """What a repeated request has stored, as it is by then; `NotFound` if one is gone."""
        refs = [Ref.to(one) for one in records]
        found = self.context.store.get_many(self.context.practice, refs)
        return gate.shown(cast("NounT", gate.see(found.get(ref), ref)) for ref in refs)

    def set_active(
        self,
        gate: Gate,
        cls: type[NounT],
        named: NounT | str,
        active: bool,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        key: str | None = None,
    ) -> NounT:
        """Make a record take part in scheduling, or no more; nothing changes if it is so already.

        `NotFound` if it is not stored, `VersionConflict` if one in hand is not as it is stored.
        """
        id = named if isinstance(named, str) else named.id
        change = Change.ACTIVATED if active else Change.DEACTIVATED
        fate = Fate(stranded, reason)
        asked = self.keyed(gate, key, {"id": id}, fate)

        def turned(stored: NounT) -> NounT:
            if not isinstance(named, str):
                _check_version(stored, named)
            return attrs.evolve(stored, active=active)

        return self.change(gate, cls, id, change, turned, fate=fate, request=asked)

    def change(
        self,
        gate: Gate,
        cls: type[NounT],
        id: str,
        change: Change,
        make: Callable[[NounT], NounT],
        *,
        default: NounT | None = None,
        fate: Fate = REFUSED,
        request: KeyedRequest | None = None,
    ) -> NounT:
        """Store what ``make`` makes of the record that is stored, or of the ``default``.

        What it leaves as it is, is not written, unless the change is an update.
        `NotFound` if there is neither.
        """
        whole = Target(cls, id, default)
        return self.change_found(gate, lambda: whole, change, make, fate, request)

    def change_found(
        self,
        gate: Gate,
        find: Callable[[], Target[NounT]],
        change: Change,
        make: Callable[[NounT], NounT],
        fate: Fate,
        request: KeyedRequest | None,
    ) -> NounT:
        """The same for what ``find`` finds; what it raises is no matter to a repeated request."""

        def found(view: View) -> Division[NounT]:
            cls, id, default = find()
            ref = Ref(kind_of(cls), id)
            if default is None:
                stored = gate.seen(ref, lambda: view.get(cls, ref))
            else:
                stored = gate.see(view.get(cls, ref) or default, ref)
            return Division(stored, make(stored), change=change)

        return self.divide(gate, found, lambda made: made[0], fate, request)

    def delete(
        self,
        gate: Gate,
        cls: type[NounT],
        id: str,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        key: str | None = None,
    ) -> None:
        """Remove a record for good.

        `NotFound` if it is not stored, `InUse` if others refer to it: the first hundred are
        named.
        """
        fate, whole = Fate(stranded, reason), Target(cls, id)
        self.delete_found(gate, lambda: whole, fate, self.keyed(gate, key, {"id": id}, fate))

    def delete_found(
        self,
        gate: Gate,
        find: Callable[[], Target[NounT]],
        fate: Fate,
        request: KeyedRequest | None,
    ) -> None:
        """The same for what ``find`` finds; what it raises is no matter to a repeated request."""
        now = self.context.now()

        def decide() -> tuple[None, Changeset]:
            store, practice = self.context.store, self.context.practice
            view, (cls, id, _) = View(self.context), find()
            ref = Ref(kind_of(cls), id)
            stored = gate.seen(ref, lambda: view.get(cls, ref))
            _check_change(gate, stored, stored)
            found = store.referrers(practice, ref)
            expired = self._expired_holds(found, now)
            gone = set(map(Ref.to, expired))
            referrers = [one for one in found if one not in gone]
            if referrers:
                named = tuple((one.kind.value, one.id) for one in referrers)
                raise InUse(ref.kind.value, ref.id, named)
            view.drop(ref)
            caught = Stranders(self.context).effects(view, [Altered(stored, None)], fate)
            swept = Effects(
                removals=expired,
                releases=[claim for hold in expired for claim in hold.claims],
                events=[Event.of(Change.EXPIRED, hold) for hold in expired],
            )
            told = Effects(events=[Event.of(Change.DELETED, stored)])
            changed = self._changeset(view, swept + told + caught, _bumps([stored]))
            removals = (RowVersion(ref, stored.version), *changed.removals)
            return None, attrs.evolve(changed, removals=removals)

        self.context.commit(gate, decide, request)

    def would_strand(self, record: NounT, *, removed: bool = False) -> tuple[Stranding, ...]:
        """Whom it would strand to write a record over what is stored, or to remove it."""
        ref, view = Ref.to(record), View(self.context)
        stored = view.row(ref) if record.id else None
        before = None if isinstance(stored, BookingRecord) else stored
        if isinstance(record, PracticeSettings):
            before = view.settings()
        if removed:
            if before is None:
                raise NotFound(ref.kind.value, ref.id)
            view.drop(ref)
        else:
            view.lay([record])
            if record.active:
                check(view, [record], self.context.zones)
        altered = [Altered(before, None if removed else record)]
        return tuple(Stranders(self.context).found(view, altered)[0])

    def _expired_holds(self, refs: Iterable[Ref], now: datetime) -> list[Hold]:
        """The holds among some records that have expired, and so keep nothing from being done."""
        holds = [ref for ref in refs if ref.kind is Kind.HOLD]
        if not holds:
            return []
        found = self.context.store.get_many(self.context.practice, holds).values()
        return [hold for hold in found if isinstance(hold, Hold) and not hold.is_live(now)]

    def _written(
        self, view: View, altered: Sequence[Altered], change: Change, fate: Fate
    ) -> Changeset:
        """The changeset that writes records in place of those before, once they are checked.

        To deactivate is always allowed: it is the way out where the practice's bounds, or a
        type's length, have changed since.
        """
        records = [after for _, after in altered if after is not None]
        before = [before for before, _ in altered if before is not None]
        view.lay(records)
        told = [(Change.CREATED if old is None else change, new) for old, new in altered if new]
        effects = Effects(writes=records, events=[Event.of(*one) for one in told])
        if change is not Change.DEACTIVATED:
            check(view, records, self.context.zones)
            effects += Placements(self.context).effects(view, altered)
        effects += Stranders(self.context).effects(view, altered, fate)
        return self._changeset(view, effects, _bumps([*records, *before]))

    def _changeset(self, view: View, effects: Effects, bumps: frozenset[Resource]) -> Changeset:
        """The changeset of some effects, decided on what a view has read."""
        return Changeset(
            practice=self.context.practice,
            writes=tuple(effects.writes),
            removals=tuple(RowVersion(Ref.to(one), one.version) for one in effects.removals),
            guards=view.guards() | frozenset(effects.guards),
            bumps=bumps,
            releases=tuple(effects.releases),
            claims=tuple(effects.claims),
            doubled=tuple(effects.doubled),
            tallies=tuple(effects.tallies),
            seats=tuple(effects.seats),
            events=tuple(effects.events),
        )


def said_of(record: Noun) -> Mapping[str, Any]:
    """What a request says of a record: all but what is set when it is written."""
    said = attrs.asdict(record, recurse=False)
    told = {name: value for name, value in said.items() if name not in _SET_HERE}
    return {"kind": kind_of(type(record)), **told}


def _check_version(stored: Noun, given: Noun) -> None:
    """`VersionConflict` for a record in hand that is not as it is stored."""
    if stored.version != given.version:
        kind = kind_of(type(given)).value
        raise VersionConflict(kind, stored.id, given.version, stored.version)


def _check_change(gate: Gate, before: Noun, after: Noun) -> None:
    """Let the principal put a record in place of another; `NotAllowed`."""
    for one in (before, after):
        if isinstance(one, HoursRecord):
            gate.keep(one.resource)
    if isinstance(before, Patient) and isinstance(after, Patient):
        check_change(gate, before, after)


def _bumps(records: Iterable[Noun]) -> frozenset[Resource]:
    """The resources whose schedules a change of these records changes."""
    return frozenset(one for record in records if (one := scheduled_by(record)) is not None)
