"""First available: the earliest suitable slot of a pool, found and booked in one command."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any, Final

import attrs

from medsched.domain.agendas import Agenda
from medsched.domain.appointments import Appointment, AppointmentStatus
from medsched.domain.assignments import Assignment, Candidate, check_assignment, told_of
from medsched.domain.changes import Changeset
from medsched.domain.claims import ClaimKind
from medsched.domain.events import Change
from medsched.domain.fields import check_id
from medsched.domain.records import Resource, ResourceKind
from medsched.domain.refusals import NoneAvailable
from medsched.domain.requests import Reason, Violation
from medsched.domain.searches import Search
from medsched.domain.slots import Slot, SlotKey
from medsched.domain.stored import Kind, Ref
from medsched.engine.assignments import Choice, asks, drawn_by, ranked, tally_of
from medsched.engine.booking import Plan
from medsched.errors import InvalidChoice, NotFound
from medsched.services.asked_for import Details, Wanted, Wish
from medsched.services.bookings import ALTERNATIVES, Bookings
from medsched.services.context import Context
from medsched.services.effects import Effects
from medsched.services.gates import Gate
from medsched.services.searches import Searches
from medsched.timeline.instants import DAY, LAST_DATE, whole_minute
from medsched.timeline.intervals import Interval

PATIENCE: Final = 500
"""How often the next slot is tried when rivals were first: each time one of them got something."""
_NOT_FOUND_SO: Final = ("override", "in_place_of")
"""What may be said of a slot that is named, but not where one is looked for."""
_ANEW: Final = 4
"""At each such try the schedule is read anew: nearly always only a slot, or a turn, was lost."""
_NEAR: Final = 100
"""Of how many providers at most it is looked again what is claimed."""
_DAY: Final = timedelta(days=1)
_SAID: Final = ("id", "reference", "reason", "notes", "referral", "prepayment")
_BEYOND: Final = timedelta(days=34)
"""How far the last of the dates after a search is, on which alternatives are looked for."""


class FirstAvailable:
    """Finds and books what comes first in one practice."""

    def __init__(self, context: Context, bookings: Bookings, searches: Searches) -> None:
        self._context = context
        self._bookings = bookings
        self._searches = searches

    def book(
        self,
        gate: Gate,
        search: Search,
        patient: str,
        assignment: Assignment | None,
        details: Details,
    ) -> Appointment:
        """What `Appointments.book_first` does."""
        context, bookings, now = self._context, self._bookings, self._context.now()
        check_id(patient, "patient")
        if not isinstance(search, Search):
            raise InvalidChoice("search", type(search).__name__, "a Search is needed")
        rule = context.assignment
        if assignment is not None:
            rule = check_assignment(assignment, "assignment")
        for name in _NOT_FOUND_SO:
            if details.get(name) is not None:
                raise InvalidChoice(name, "…", "the first slot is looked for in what is free")
        wanted = asked_for(
            search, patient, bool(details.get("referral")), bool(details.get("prepayment"))
        )
        named = frozenset(details.get("resources", ()))
        own_id = details.get("id") or context.surroundings.ids.new(Kind.APPOINTMENT)
        own: Details = {**details, "id": own_id}
        said: dict[str, Any] = {
            "search": told_search(wanted),
            "assignment": None if assignment is None else told_of(assignment),
            "resources": named,
            **{name: details.get(name, "") for name in _SAID},
        }
        pool, tries = _Pool(context, self._searches, wanted, now), count()

        def decide() -> tuple[Appointment, Changeset]:
            gate.patient(patient)
            bookings.refuse_taken(details.get("id", ""), details.get("reference", ""))
            fresh = context.store.retries == 0 or next(tries) % _ANEW == _ANEW - 1
            known = _Known()
            while True:
                pool.look_after_loss()
                if not pool.firsts.keys() <= known.providers:
                    known = self._known(rule, wanted, pool.firsts.keys(), patient, now)
                choices = _choices(rule, pool.firsts, known, own_id)
                if not choices:
                    if pool.is_fresh:
                        raise pool.unmet or self._refusal(wanted, now)
                    pool.look()
                    continue
                slot, turn = pool.firsts[choices[0].provider], choices[0].turn
                wish = wish_for(slot, wanted, named)
                try:
                    asked, planned = bookings.judged(wish, now, fresh=fresh)
                except (NotFound, InvalidChoice) as error:
                    pool.pass_over_for(slot, error)
                    continue
                if not isinstance(planned, Plan):
                    pool.pass_over(slot, planned)
                    continue
                pool.lost = True  # or nobody will ask
                made = bookings.drafted(AppointmentStatus.BOOKED, wish, own, planned, now)
                counted = Effects(tallies=[] if turn is None else [turn.counted()])
                return bookings.placed(asked, planned, made, Change.BOOKED, now, instead=counted)

        key = details.get("idempotency_key")
        return bookings.run(gate, key, said, now, decide, patience=PATIENCE)

    def _known(
        self,
        rule: Assignment,
        search: Search,
        providers: Collection[str],
        patient: str,
        now: datetime,
    ) -> _Known:
        """What a rule asks about some providers; what it does not ask is not read."""
        store, practice, wants = self._context.store, self._context.practice, asks(rule)
        tallies = {tally_of(rule, one): one for one in providers} if wants.turns else {}
        counts = store.tallies(practice, tallies) if tallies else {}
        claimed: dict[str, int] = {}
        if wants.claimed:
            those = attrs.evolve(search, providers=frozenset(providers))
            claimed = self._searches.load(those, now=now)
        return _Known(
            providers=frozenset(providers),
            seen=self._seen(patient, providers) if wants.seen else {},
            claimed=claimed,
            turns={who: counts[name] for name, who in tallies.items()},
        )

    def _seen(self, patient: str, providers: Collection[str]) -> dict[str, datetime]:
        """When each of some providers saw the patient last; nothing of those who never did."""
        fulfilled = frozenset({AppointmentStatus.FULFILLED})
        agenda = Agenda(patient=patient, statuses=fulfilled, descending=True)
        found: dict[str, datetime] = {}
        for one in self._context.appointments(agenda):
            if one.provider in providers:
                found.setdefault(one.provider, one.start)
                if len(found) == len(providers):
                    break
        return found

    def _refusal(self, search: Search, now: datetime) -> NoneAvailable:
        """The refusal of a search, with the next slots after its dates."""
        violations = known_people(self._context, search)
        first = max(search.last, now.date()) + _DAY
        later: Iterator[Slot] = iter(())
        if first <= LAST_DATE:
            last = min(first + _BEYOND, LAST_DATE)
            later = self._searches.found(attrs.evolve(search, first=first, last=last), now=now)
        return NoneAvailable(
            first=search.first,
            last=search.last,
            types=told_types(search),
            alternatives=tuple(islice(later, ALTERNATIVES)),
            violations=violations,
        )


@attrs.frozen(kw_only=True)
class _Known:
    """What was read of some providers for a rule of assignment."""

    providers: frozenset[str] = frozenset()
    seen: Mapping[str, datetime] = attrs.field(factory=dict)
    claimed: Mapping[str, int] = attrs.field(factory=dict)
    turns: Mapping[str, int] = attrs.field(factory=dict)


def _choices(
    rule: Assignment, firsts: Mapping[str, Slot], known: _Known, own_id: str
) -> list[Choice]:
    """Whom a rule would take, the first choice first; the lots drawn are those of the booking."""
    if not firsts:
        return []
    candidates = [
        Candidate(
            provider=who,
            first=firsts[who],
            seen_at=known.seen.get(who),
            claimed=timedelta(minutes=known.claimed.get(who, 0)),
            turns=known.turns.get(who, 0),
        )
        for who in sorted(firsts)
    ]
    return ranked(rule, candidates, drawn_by(own_id))


class _Pool:
    """The earliest slot of each provider that this command may still get, as it was last seen.

    Others take slots meanwhile. Then those that were found already are held against what is
    claimed by now, in one reading for all providers, and the search is asked again only when none
    of them is left: many who want the same slots would search for the same ones again and again.
    """

    def __init__(self, context: Context, searches: Searches, search: Search, now: datetime) -> None:
        self._context = context
        self._searches = searches
        self._search = search
        self._now = now
        self._passed: set[SlotKey] = set()
        self._unfit: set[str] = set()
        self.unmet: InvalidChoice | None = None
        """Why a type cannot have what was asked for by name, if there was one."""
        self._ahead: dict[str, Iterator[Slot]] = {}
        self._claimed: Mapping[str, list[Interval]] = {}
        self.firsts: dict[str, Slot] = {}
        self.is_fresh = False
        """Whether this is what the last look at all of them showed."""
        self.lost = False
        """Whether somebody was faster since it was last seen what is claimed."""

    def look(self) -> None:
        """Search, for all that there is now."""
        self._ahead.clear()
        self._claimed, self.lost = {}, False
        self.firsts = dict(self._searches.first_of_each(self._search, now=self._now))
        for who, slot in tuple(self.firsts.items()):
            if not self._may_be_had(slot):
                self._go_on(who)
        self.is_fresh = True

    def look_after_loss(self) -> None:
        """Leave out what was claimed meanwhile of what was found."""
        if not self.lost or not self.firsts:
            return
        self.lost, self.is_fresh = False, False
        starts = {who: _minutes(slot)[0] for who, slot in self.firsts.items()}
        low = min(starts.values())
        near = sorted((who for who in starts if starts[who] < low + DAY), key=starts.__getitem__)
        near = near[:_NEAR]
        resources = [Resource(ResourceKind.PROVIDER, who) for who in near]
        claimed = defaultdict[str, list[Interval]](list)
        store, practice = self._context.store, self._context.practice
        for one in store.claims(practice, resources, low, low + 2 * DAY):
            # What a session takes may have seats left.
            if one.kind is not ClaimKind.SESSION and one.is_live(self._now):
                claimed[one.resource.id].append((one.low, one.high))
        self._claimed = claimed
        for who in near:
            if not self._may_be_had(self.firsts[who]):
                self._go_on(who)

    def pass_over(self, slot: Slot, against: Sequence[Violation]) -> None:
        """Go on from a slot that cannot be had."""
        self._passed.add(_key(slot))
        own = Resource(ResourceKind.PROVIDER, slot.provider)
        if any(one.resource == own and one.reason is Reason.TAKEN for one in against):
            self.lost = True
        self._go_on(slot.provider)
        self.is_fresh = False

    def pass_over_for(self, slot: Slot, error: NotFound | InvalidChoice) -> None:
        """Go on from a slot whose provider was removed, or whose type does not need what is asked.

        Rooms and devices that are asked for by name may be for some types only: then it is no
        other's slot either.
        """
        if isinstance(error, InvalidChoice):
            self._unfit.add(slot.type)
            self.unmet = self.unmet or error
        self._passed.add(_key(slot))
        self._go_on(slot.provider)
        self.is_fresh = False

    def _go_on(self, who: str) -> None:
        ahead = self._ahead.get(who)
        if ahead is None:
            alone = attrs.evolve(self._search, providers=frozenset({who}))
            # They may have been removed meanwhile.
            look = self._searches.look(alone, self._now, lenient=True)
            ahead = self._ahead[who] = look.slots()
        self.firsts.pop(who, None)
        for slot in ahead:
            if self._may_be_had(slot):
                self.firsts[who] = slot
                return

    def _may_be_had(self, slot: Slot) -> bool:
        low, high = _minutes(slot)
        claimed = self._claimed.get(slot.provider, ())
        taken = any(since < high and low < until for since, until in claimed)
        return not taken and slot.type not in self._unfit and _key(slot) not in self._passed


def _minutes(slot: Slot) -> Interval:
    return whole_minute(slot.start, "start"), whole_minute(slot.end, "end")


def _key(slot: Slot) -> SlotKey:
    start = whole_minute(slot.start, "start")
    return SlotKey(slot.practice, slot.provider, slot.type, slot.location, start)


# --------------------------------------------------------- in common with chains of visits


def asked_for(search: Search, patient: str, referred: bool, prepaid: bool) -> Search:
    """A search for what a patient can have, on the referral and payment that are named."""
    return attrs.evolve(
        search,
        patient=patient,
        referred=referred,
        prepaid=prepaid,
        available_only=True,
        withdrawn=False,
    )


def wish_for(slot: Slot, search: Search, named: frozenset[Resource]) -> Wish:
    """The wish for a slot that a search found."""
    start = whole_minute(slot.start, "start")
    return Wish(
        Wanted(slot.provider, slot.type, start, slot.location),
        patient=search.patient,
        named=named,
        referred=search.referred,
        prepaid=search.prepaid,
    )


def told_search(search: Search) -> dict[str, Any]:
    """What a request under a key says of a search: the same for equal ones."""
    price = search.price_at_most
    return {
        **attrs.asdict(search, recurse=False),
        "location": Wanted("", "", 0, search.location).plain(),
        "price_at_most": None if price is None else str(price.normalize()),
    }


def told_types(search: Search) -> tuple[str, ...] | None:
    """The types that a search names, in order."""
    return None if search.types is None else tuple(sorted(search.types))


def known_people(context: Context, search: Search) -> tuple[Violation, ...]:
    """What refuses the patient of a search that found nothing, whenever it is.

    `NotFound` for a patient, provider or type that it names and that is not there.
    """
    named = [Ref(Kind.PROVIDER, one) for one in sorted(search.providers or ())]
    named += [Ref(Kind.APPOINTMENT_TYPE, one) for one in sorted(search.types or ())]
    patient = Ref(Kind.PATIENT, search.patient or "")
    found = context.store.get_many(context.practice, [*named, patient])
    if not context.registers_patients:
        named.append(patient)
    for ref in named:
        if ref not in found:
            raise NotFound(ref.kind.value, ref.id)
    if patient not in found or found[patient].active:
        return ()
    resource = Resource(ResourceKind.PATIENT, patient.id)
    message = "the patient is not active"
    return (Violation(reason=Reason.INACTIVE, message=message, resource=resource),)
