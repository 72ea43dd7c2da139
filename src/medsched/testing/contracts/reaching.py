"""Whose records: what a reach leaves of pages and agendas, and what it reaches of given ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, time
from random import Random
from typing import Any, Final

import attrs
import pytest

from medsched.domain.access import EVERYTHING, NOTHING, Reach
from medsched.domain.agendas import Agenda, AppointmentOrder
from medsched.domain.appointments import AppointmentStatus
from medsched.domain.bookings import WallTime
from medsched.domain.people import Patient
from medsched.domain.places import Location
from medsched.domain.reaching import reaches, reaches_registered, reaches_visit
from medsched.domain.series import Series
from medsched.domain.starts import ANYWHERE
from medsched.domain.stored import CLASSES, Kind, Ref, Stored, kind_of
from medsched.domain.waitlist import WaitlistEntry, WaitlistOffer
from medsched.ports.store import Store
from medsched.testing.contracts.kit import (
    DAILY,
    MICROSECOND,
    NINE,
    NOW,
    Contract,
    appointment,
    hold,
    ids,
    put,
)
from medsched.testing.contracts.samples import IDS, RECORDS, UNNAMEABLE
from medsched.testing.contracts.taken import BOOKINGS
from medsched.timeline.instants import instant_of

SEEDS: Final = range(6)
"""Each makes another practice; a failing test tells its own in its name."""
_MOST: Final = 5000
_DAY: Final = date(2026, 1, 5)


def _patient(id: str, **more: Any) -> Patient:
    return Patient(id=id, version=1, **more)


def _series(id: str, patient: str, provider: str, location: Any) -> Series:
    return Series(
        id=id,
        version=1,
        patient=patient,
        provider=provider,
        type="visit",
        location=location,
        recurrence=DAILY,
        at=time(9),
        timezone="UTC",
    )


def _entry(id: str, patient: str, providers: Collection[str], location: Any) -> WaitlistEntry:
    return WaitlistEntry(
        id=id,
        version=1,
        patient=patient,
        type="visit",
        providers=providers,
        location=location,
        earliest=_DAY,
        latest=_DAY,
        entered_at=NOW,
    )


def _offer(id: str, patient: str, provider: str, location: str | None) -> WaitlistOffer:
    return WaitlistOffer(
        id=id,
        version=1,
        entry="e",
        patient=patient,
        provider=provider,
        type="visit",
        location=location,
        start=instant_of(NINE),
        end=instant_of(NINE + 30),
        wall=WallTime(instant_of(NINE).replace(tzinfo=None), "UTC"),
        offered_at=NOW,
        expires=NOW + MICROSECOND,
    )


def _of(patients: str = "", providers: str = "", locations: str = "", **more: Any) -> Reach:
    """A reach of ids that are separated by blanks."""
    return Reach(
        patients=frozenset(patients.split()),
        providers=frozenset(providers.split()),
        locations=frozenset(locations.split()),
        **more,
    )


_WRONG: Final = AppointmentStatus.ENTERED_IN_ERROR
_MADE: Final[tuple[Stored, ...]] = (
    # Who is seen by whom: ada by smith at main, eve by jones at no place, bob by nobody but in
    # error, dan by smith in a visit that was cancelled; kim is registered with both, and the
    # patient who is called smith with nobody.
    _patient("ada"),
    _patient("bob"),
    _patient("dan"),
    _patient("eve", active=False),
    _patient("kim", providers={"smith"}, locations={"main"}),
    _patient("smith"),
    appointment("ada-smith", location="main"),
    appointment("ada-jones", NINE + 40, provider="jones", location="side"),
    appointment("bob-smith", NINE + 80, patient="bob", status=_WRONG, location="main"),
    appointment("bob-none", NINE + 100, patient="bob", status=_WRONG),
    appointment("dan-smith", NINE + 120, patient="dan", status="cancelled", location="side"),
    appointment("eve-jones", NINE + 160, patient="eve", provider="jones"),
    hold("h-ada", NINE + 200, expires=NOW, patient="ada", location="main"),
    hold("h-nobody", NINE + 240, expires=NOW),
    attrs.evolve(hold("h-jones", NINE + 280, expires=NOW, location="side"), provider="jones"),
    _series("s-anywhere", "ada", "smith", ANYWHERE),
    _series("s-main", "bob", "jones", "main"),
    _series("s-none", "bob", "jones", None),
    _entry("w-ada", "ada", (), ANYWHERE),
    _entry("w-bob", "bob", (), ANYWHERE),
    _entry("w-kim", "kim", (), ANYWHERE),
    _entry("w-kim-jones", "kim", ("jones", "lee"), ANYWHERE),
    _entry("w-main", "bob", (), "main"),
    _entry("w-none", "bob", ("lee",), None),
    _offer("o-ada", "ada", "jones", "side"),
    _offer("o-bob", "bob", "smith", "main"),
    _offer("o-none", "bob", "jones", None),
    Location(id="main", version=1),
)
_ADA: Final = "ada ada-jones ada-smith h-ada o-ada s-anywhere w-ada"
_REACHED: Final[dict[str, tuple[Reach, str]]] = {
    "nothing": (NOTHING, ""),
    "a patient": (_of("ada"), _ADA),
    "patients, one of them unknown": (
        _of("ada bob nobody"),
        f"{_ADA} bob bob-none bob-smith o-bob o-none s-main s-none w-bob w-main w-none",
    ),
    "a patient who has a name like a provider": (_of("smith"), "smith"),
    "a provider": (
        _of(providers="smith"),
        # bob has no visit with smith that was not entered in error
        (
            "ada ada-smith bob-none bob-smith dan dan-smith h-ada h-nobody kim o-bob s-anywhere"
            " w-ada w-kim"
        ),
    ),
    "another provider": (
        _of(providers="jones"),
        "ada ada-jones eve eve-jones h-jones o-ada o-none s-main s-none w-ada w-kim-jones",
    ),
    "a provider whom only the waitlist names": (_of(providers="lee"), "w-kim-jones w-none"),
    "a place": (
        _of(locations="main"),
        "ada ada-smith bob-smith h-ada kim o-bob s-main w-ada w-kim w-main",
    ),
    "another place": (
        _of(locations="side"),
        "ada ada-jones dan dan-smith h-jones o-ada w-ada",
    ),
    "no place": (
        _of(unplaced=True),
        "bob-none eve eve-jones h-nobody o-none s-none w-none",
    ),
    "a place and none": (
        _of(locations="side", unplaced=True),
        (
            "ada ada-jones bob-none dan dan-smith eve eve-jones h-jones h-nobody o-ada o-none"
            " s-none w-ada w-none"
        ),
    ),
    "a patient, a provider and a place": (
        _of("bob", "lee", "side"),
        (
            "ada ada-jones bob bob-none bob-smith dan dan-smith h-jones o-ada o-bob o-none s-main"
            " s-none w-ada w-bob w-kim-jones w-main w-none"
        ),
    ),
    "whom nothing names": (_of("Ada ADA ad ada\u200f", "Smith", "Main"), ""),
    "everything": (EVERYTHING, " ".join(record.id for record in _MADE)),
}
"""A reach, and the ids of the patients' records that it reaches."""
_LIMITED: Final = (
    *(Kind.PATIENT, Kind.APPOINTMENT, Kind.HOLD, Kind.SERIES),
    *(Kind.WAITLIST_ENTRY, Kind.WAITLIST_OFFER),
)
"""The kinds of records that are a patient's."""


class Reaching(Contract):
    """`within=` of `Store.page` and `Store.appointments`, and `Store.reached`."""

    @pytest.mark.parametrize("reach, named", _REACHED.values(), ids=list(_REACHED))
    def test_a_reach_reaches_what_it_says(
        self, store: Store, practice: str, reach: Reach, named: str
    ) -> None:
        put(store, practice, *_MADE)
        wanted = {*named.split(), "main"}
        for kind, cls in CLASSES.items():
            those = sorted(one.id for one in _MADE if type(one) is cls and one.id in wanted)
            found = store.page(
                practice, cls, active=None, where={}, after=None, limit=_MOST, within=reach
            )
            assert (kind, ids(found)) == (kind, those)
        assert _agenda(store, practice, Agenda(), reach) == [
            one.id for one in _MADE if Ref.to(one).kind is Kind.APPOINTMENT and one.id in wanted
        ]
        assert store.reached(practice, _MADE, reach) == {
            Ref.to(one) for one in _MADE if one.id in wanted
        }

    def test_what_is_no_patients_record_is_reached_by_whoever(
        self, store: Store, practice: str
    ) -> None:
        kinds = {kind_of(type(one)): one for one in (*RECORDS.values(), *BOOKINGS.values())}
        others = [one for kind, one in kinds.items() if kind not in _LIMITED]
        put(store, practice, *(attrs.evolve(one, version=1) for one in others))
        for one in others:
            found = store.page(
                practice, type(one), active=None, where={}, after=None, limit=9, within=NOTHING
            )
            assert ids(found) == [one.id]
        assert store.reached(practice, others, NOTHING) == set(map(Ref.to, others))

    def test_a_reach_follows_changes(self, store: Store, practice: str) -> None:
        def found(reach: Reach) -> list[str]:
            page = store.page(
                practice, Patient, active=None, where={}, after=None, limit=9, within=reach
            )
            assert store.reached(practice, _records(store, practice), reach) >= {
                Ref.to(one) for one in page
            }
            return ids(page)

        smith, jones, main = _of(providers="smith"), _of(providers="jones"), _of(locations="main")
        visit = appointment("a")
        put(store, practice, _patient("ada"), _patient("kim", providers={"jones"}), visit)
        assert (found(smith), found(jones), found(main)) == (["ada"], ["kim"], [])
        moved = attrs.evolve(visit, provider="jones", location="main", version=2)
        kim = Patient(id="kim", locations={"main"}, version=2)
        put(store, practice, moved, kim)
        assert (found(smith), found(jones), found(main)) == ([], ["ada"], ["ada", "kim"])
        put(store, practice, attrs.evolve(moved, status=_WRONG, version=3))
        assert (found(smith), found(jones), found(main)) == ([], [], ["kim"])
        assert found(_of(unplaced=True)) == []

    def test_a_patient_is_judged_as_given(self, store: Store, practice: str) -> None:
        """By what the given record says, and by visits, which the store knows."""
        put(store, practice, _patient("kim", providers={"smith"}), appointment("a", patient="bob"))
        smith, jones = _of(providers="smith"), _of(providers="jones")
        stored, given = _patient("kim", providers={"smith"}), _patient("kim", providers={"jones"})
        entry = _entry("w", "kim", (), ANYWHERE)
        bob, new = _patient("bob"), _patient("new")
        cases: list[tuple[list[Stored], Reach, list[Stored]]] = [
            ([stored], smith, [stored]),
            ([given], smith, []),
            ([given], jones, [given]),
            ([given, entry], smith, [entry]),
            ([given, entry], jones, [given]),
            ([bob, new], smith, [bob]),
        ]
        for records, reach, wanted in cases:
            assert store.reached(practice, records, reach) == set(map(Ref.to, wanted))

    def test_practices_are_apart(self, store: Store, practice: str) -> None:
        other = practice + " "
        put(store, practice, _patient("ada"), _patient("kim"))
        put(store, other, *_MADE)
        smith = _of(providers="smith")
        for reach in (smith, _of(locations="main"), _of(unplaced=True)):
            assert not store.page(
                practice, Patient, active=None, where={}, after=None, limit=9, within=reach
            )
            assert not store.reached(practice, [_patient("ada"), _patient("kim")], reach)
        assert store.reached(other, [_patient("ada")], smith)

    def test_ids_are_told_apart_byte_by_byte(self, store: Store, practice: str) -> None:
        put(
            store,
            practice,
            *(_patient(f"p{at}", providers={id}) for at, id in enumerate(IDS)),
            *(
                appointment(f"a{at}", NINE + at, provider="x", location=id, patient=f"q{at}")
                for at, id in enumerate(IDS)
            ),
            *(_patient(f"q{at}") for at, _ in enumerate(IDS)),
            *(_patient(id) for id in IDS),
        )
        for at, id in enumerate(IDS):
            one = frozenset({id})
            for reach, wanted in (
                (Reach(patients=one), [id]),
                (Reach(providers=one), [f"p{at}"]),
                (Reach(locations=one), [f"q{at}"]),
            ):
                found = store.page(
                    practice, Patient, active=None, where={}, after=None, limit=9, within=reach
                )
                assert ids(found) == wanted
            assert _agenda(store, practice, Agenda(), Reach(locations=one)) == [f"a{at}"]

    @pytest.mark.parametrize("text", UNNAMEABLE, ids=ascii)
    def test_what_nothing_can_be_called_reaches_nothing(
        self, store: Store, practice: str, text: str
    ) -> None:
        put(store, practice, *_MADE)
        one = frozenset({text})
        for reach in (Reach(patients=one), Reach(providers=one), Reach(locations=one)):
            for kind in _LIMITED:
                found = store.page(
                    practice,
                    CLASSES[kind],
                    active=None,
                    where={},
                    after=None,
                    limit=9,
                    within=reach | Reach(patients=one),
                )
                assert not found
            assert _agenda(store, practice, Agenda(), reach) == []
            assert {ref.kind for ref in store.reached(practice, _MADE, reach)} == {Kind.LOCATION}
            both = reach | _of("ada")
            assert _agenda(store, practice, Agenda(), both) == ["ada-smith", "ada-jones"]
        page = store.page(
            text, Patient, active=None, where={}, after=None, limit=9, within=_of(providers="smith")
        )
        assert not page
        assert not store.reached(text, [_patient("kim")], _of(providers="smith"))

    def test_a_reach_may_name_very_many(self, store: Store, practice: str) -> None:
        some = frozenset(f"p{at:05}" for at in range(0, 14_000, 2))
        patients = [
            _patient("a", providers={"x1001"}),
            *(_patient(f"p{at:05}") for at in (1001, *range(0, 14_000, 1000))),
        ]
        visits = [
            appointment(f"a{at:05}", NINE + at % 7, patient=f"p{at:05}", provider=f"x{at}")
            for at in range(0, 14_000, 1001)
        ]
        put(store, practice, *patients, *visits)
        reach = Reach(patients=some, providers=frozenset({"x1001", "x2002"}))
        for more in (reach, reach | _of(locations="nowhere")):
            found = _pages(store, practice, Patient, more, 10)
            assert found == sorted(one.id for one in patients)
        reached = [one for one in visits if one.patient in some or one.provider == "x1001"]
        assert any(one.provider == "x2002" for one in reached)  # two ways, and once
        assert 0 < len(reached) < len(visits)
        for descending in (False, True):
            agenda = Agenda(descending=descending)
            reached.sort(key=agenda.place, reverse=descending)
            assert _agenda(store, practice, agenda, reach) == ids(reached)
            later = store.appointments(practice, agenda, after=None, limit=3, skip=2, within=reach)
            assert ids(later) == ids(reached)[2:5]
        assert store.count_appointments(practice, Agenda(), within=reach) == len(reached)
        assert store.reached(practice, visits, reach) == set(map(Ref.to, reached))
        more = reach | Reach(patients=frozenset(f"q{at}" for at in range(66_000)))
        assert _agenda(store, practice, Agenda(), more, 20) == ids(reached[::-1])

    def test_very_many_patients_are_looked_at(self, store: Store, practice: str) -> None:
        entries = [_entry(f"w{at:04}", f"p{at:04}", (), ANYWHERE) for at in range(1300)]
        visits = [
            appointment(f"a{at:04}", NINE + at, patient=f"p{at:04}", location="main")
            for at in range(0, 1300, 13)
        ]
        put(store, practice, *entries, *visits)
        wanted = [one.id for one in entries[::13]]
        for reach in (_of(providers="smith"), _of(locations="main")):
            assert _pages(store, practice, WaitlistEntry, reach, 40) == wanted
            assert {ref.id for ref in store.reached(practice, entries, reach)} == set(wanted)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_any_reach_of_any_practice(self, store: Store, practice: str, seed: int) -> None:
        """Pages, agendas and what is reached are a plain choice among all that there is."""
        random = Random(seed)
        made = _random_records(random)
        put(store, practice, *made)
        for _ in range(8):
            reach = _random_reach(random)
            those = _reached(made, reach)
            assert store.reached(practice, made, reach) == set(map(Ref.to, those)), reach
            for kind in _LIMITED:
                wanted = sorted(one.id for one in those if Ref.to(one).kind is kind)
                found = _pages(store, practice, CLASSES[kind], reach, random.randint(1, 6))
                assert found == wanted, (kind, reach)
            self._patients_are_filtered(store, practice, random, those, reach)
            for order in AppointmentOrder:
                agenda = Agenda(
                    order=order,
                    descending=random.random() < 0.5,
                    provider=random.choice([None, None, "smith"]),
                    patient=random.choice([None, None, "p1"]),
                )
                visits = [one for one in those if agenda_has(agenda, one)]
                visits.sort(key=agenda.place, reverse=agenda.descending)  # type: ignore[arg-type]
                assert _agenda(store, practice, agenda, reach, random.randint(1, 6)) == ids(visits)
                assert store.count_appointments(practice, agenda, within=reach) == len(visits)
                later = store.appointments(
                    practice, agenda, after=None, limit=3, skip=2, within=reach
                )
                assert ids(later) == ids(visits)[2:5]

    def _patients_are_filtered(
        self,
        store: Store,
        practice: str,
        random: Random,
        those: Iterable[Stored],
        reach: Reach,
    ) -> None:
        """By a reach, by who is active, and by what a query can and cannot say."""
        active = random.choice([None, True, False])
        where = random.choice([{}, {"providers": "smith"}, {"name": "Ada"}])
        found = store.page(
            practice, Patient, active=active, where=where, after="p1", limit=3, within=reach
        )
        wanted = [
            one.id
            for one in those
            if isinstance(one, Patient)
            and active in (None, one.active)
            and ("providers" not in where or "smith" in one.providers)
            and where.get("name") in (None, one.name)
            and one.id > "p1"
        ]
        assert ids(found) == sorted(wanted)[:3]


def agenda_has(agenda: Agenda, record: Stored) -> bool:
    """Whether a record is an appointment of an agenda."""
    return Ref.to(record).kind is Kind.APPOINTMENT and agenda.matches(record)  # type: ignore[arg-type]


def _records(store: Store, practice: str) -> Sequence[Stored]:
    return store.page(practice, Patient, active=None, where={}, after=None, limit=9)


def _reached(records: Iterable[Stored], reach: Reach) -> list[Stored]:
    """Those of all records of a practice that a reach reaches."""
    every = list(records)

    def reaches_patient(id: str) -> bool:
        return any(
            reaches_registered(reach, one)
            if isinstance(one, Patient) and one.id == id
            else getattr(one, "patient", None) == id and _is_real(reach, one)
            for one in every
        )

    return [one for one in every if reaches(reach, one, reaches_patient)]


def _is_real(reach: Reach, record: Stored) -> bool:
    return Ref.to(record).kind is Kind.APPOINTMENT and reaches_visit(reach, record)  # type: ignore[arg-type]


def _pages(store: Store, practice: str, cls: type[Stored], reach: Reach, size: int) -> list[str]:
    """The ids on all pages of a class; only the last one is short."""
    found, after = list[str](), None
    while True:
        page = store.page(
            practice, cls, active=None, where={}, after=after, limit=size, within=reach
        )
        assert not {*ids(page)} & {*found}, "a page tells again what one before it told"
        found += ids(page)
        if len(page) < size:
            return found
        after = found[-1]


def _agenda(store: Store, practice: str, agenda: Agenda, reach: Reach, size: int = 11) -> list[str]:
    """The ids on all pages of an agenda; only the last one is short."""
    found, after = list[str](), None
    while True:
        page = store.appointments(practice, agenda, after=after, limit=size, within=reach)
        assert not {*ids(page)} & {*found}, "a page tells again what one before it told"
        found += ids(page)
        if len(page) < size:
            return found
        after = agenda.place(page[-1])


# ------------------------------------------------------------------------- at random

_PATIENTS: Final = ("p0", "p1", "p2", "p3", "p4", "p5")
_PROVIDERS: Final = ("smith", "jones", "lee")
_PLACES: Final = ("main", "side", "p1")


def _some(random: Random, among: Sequence[str], chance: float = 0.25) -> frozenset[str]:
    return frozenset(one for one in among if random.random() < chance)


def _random_records(random: Random) -> list[Stored]:
    def whom() -> str:
        return random.choice(_PATIENTS)

    def who() -> str:
        return random.choice(_PROVIDERS)

    def where() -> str | None:
        return random.choice([None, *_PLACES])

    made: list[Stored] = [
        _patient(
            id,
            active=random.random() < 0.8,
            name=random.choice(["Ada", "Eve"]),
            providers=_some(random, _PROVIDERS, 0.15),
            locations=_some(random, _PLACES, 0.15),
        )
        for id in _PATIENTS
    ]
    made += [
        appointment(
            f"a{at}",
            NINE + random.randrange(6),
            patient=whom(),
            provider=who(),
            location=where(),
            status=random.choice([*AppointmentStatus, _WRONG, _WRONG]),
            created_at=NOW + random.randrange(3) * MICROSECOND,
        )
        for at in range(random.randrange(12))
    ]
    for at in range(6):
        held = hold(f"h{at}", NINE + at, expires=NOW, location=where())
        made.append(attrs.evolve(held, provider=who(), patient=random.choice([None, *_PATIENTS])))
        place = random.choice([ANYWHERE, where()])
        made.append(_series(f"s{at}", whom(), who(), place))
        made.append(_offer(f"o{at}", whom(), who(), where()))
        providers = _some(random, _PROVIDERS, 0.3)
        made.append(_entry(f"w{at}", whom(), providers, random.choice([ANYWHERE, where()])))
    return made


def _random_reach(random: Random) -> Reach:
    return Reach(
        patients=_some(random, [*_PATIENTS, "nobody"], random.choice([0, 0.2])),
        providers=_some(random, [*_PROVIDERS, "p1"], random.choice([0, 0.4])),
        locations=_some(random, _PLACES, random.choice([0, 0, 0.4])),
        unplaced=random.random() < 0.2,
    )
