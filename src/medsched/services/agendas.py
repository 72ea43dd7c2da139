"""Reading appointments: one, a list of them, and what stands against one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, TypedDict, Unpack

import attrs

from medsched.domain.access import EVERYTHING
from medsched.domain.agendas import Agenda, AppointmentOrder, Named, NamedAppointment, Place
from medsched.domain.appointments import UPCOMING, Appointment, AppointmentStatus
from medsched.domain.claims import Claim, ClaimKind
from medsched.domain.fields import check_characters
from medsched.domain.lookups import Sought
from medsched.domain.pages import Page, cursor, read_cursor
from medsched.domain.people import Patient, Provider
from medsched.domain.places import Location
from medsched.domain.records import Resource
from medsched.domain.stored import Kind, Ref
from medsched.errors import InvalidNumber, InvalidText
from medsched.services.context import Context
from medsched.services.gates import Gate
from medsched.services.options import refuse_unknown
from medsched.services.queries import MOST
from medsched.timeline.instants import minute_of

_LONGEST_SEARCH: Final = 255
FURTHEST: Final = 1_000_000
"""The most appointments that a list may leave out first."""


class AgendaFilters(TypedDict, total=False):
    """Which appointments are meant; all that is stated must hold."""

    provider: str
    patient: str
    location: str
    type: str
    status: AppointmentStatus | str | Collection[AppointmentStatus | str]
    """One status, or several of which any will do."""
    since: datetime
    """The earliest start, aware, inclusive."""
    before: datetime
    """The end of the starts, aware, exclusive."""
    upcoming: bool
    """Only those that are pending or booked and have not begun."""
    search: str
    """An id or reference, a patient's or provider's id, a part of a provider's name, or the
    beginnings of words of a patient's: see `PatientQuery`."""


class AgendaOptions(AgendaFilters, total=False):
    """What a list of appointments may be asked for: which, in what order, and which page."""

    order: AppointmentOrder | str
    """``start``, unless stated, or ``created``."""
    descending: bool
    limit: int
    """The most to return: 1 to 1000, 100 unless stated."""
    cursor: str | None
    """The ``next`` of the page before; good for the same list, ``limit`` and ``skip`` apart."""
    skip: int
    """How many to leave out first, of the list or of what comes after the cursor: 0 to 1,000,000.

    For hosts that number their pages. What is left out is walked by the database, so a cursor is
    faster far into a list, and keeps its place while others come and go."""


class Agendas:
    """Reads the appointments of one practice."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self, id: str) -> Appointment:
        """The appointment of this id, whatever its status; `NotFound` if there is none."""
        gate = self._context.admit("appointment.read", Kind.APPOINTMENT, id)
        return gate.show(self._seen(gate, id))

    def find(self, id: str) -> Appointment | None:
        """The appointment of this id, whatever its status; None if there is none."""
        gate = self._context.admit("appointment.read", Kind.APPOINTMENT, id)
        found = self._context.looked_up(gate, Appointment, id)
        return None if found is None else gate.show(found)

    def _seen(self, gate: Gate, id: str) -> Appointment:
        return self._context.shown(gate, Appointment, id)

    def find_by_reference(self, reference: str) -> Appointment | None:
        """The appointment that people call this; None if there is none."""
        gate = self._context.admit("appointment.read")
        if not reference:
            return None
        agenda = Agenda(named=Named(references=frozenset({reference})))
        store, practice = self._context.store, self._context.practice
        # Where they are sealed, no key of what is not reached may be asked for.
        within = gate.reach if store.seals else EVERYTHING
        some = store.appointments(practice, agenda, after=None, limit=1, within=within)
        stored = next(iter(some), None)
        found = gate.found(stored, Ref(Kind.APPOINTMENT, "" if stored is None else stored.id))
        return None if found is None else gate.show(found)

    def list(self, **options: Unpack[AgendaOptions]) -> Page[Appointment]:
        """A page of appointments: see `AgendaOptions`. Without options, the first hundred of all.

        It is one call of the store, but for a ``search``, which reads first who is called so.
        `InvalidNumber` for a limit that is not 1 to 1000, or a skip that is not 0 to 1,000,000;
        `InvalidCursor` for a cursor that this list did not give, `InvalidChoice` for a status or
        order that there is none of, `NaiveDatetime` and `OutOfRange` for a bound that is no
        instant.
        """
        gate = self._context.admit("appointment.list")
        refuse_unknown(options, AgendaOptions, "list")
        limit = options.get("limit", 100)
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MOST:
            raise InvalidNumber("limit", limit, f"a page holds 1 to {MOST}")
        skip = options.get("skip", 0)
        if not isinstance(skip, int) or isinstance(skip, bool) or not 0 <= skip <= FURTHEST:
            raise InvalidNumber("skip", skip, f"0 to {FURTHEST} may be left out")
        agenda = attrs.evolve(
            self._agenda(gate, options),
            order=AppointmentOrder(options.get("order", AppointmentOrder.START)),
            descending=bool(options.get("descending")),
        )
        scope = self._scope(agenda, options)
        text = options.get("cursor")
        found = self._context.store.appointments(
            self._context.practice,
            agenda,
            after=None if text is None else _read_place(scope, text),
            limit=limit + 1,  # one more than is shown, to know whether there is more
            skip=skip,
            within=gate.reach,
        )
        shown = gate.shown(found[:limit])
        more = len(found) > len(shown)
        return Page(shown, _written_place(scope, agenda.place(shown[-1])) if more else None)

    def count(self, **filters: Unpack[AgendaFilters]) -> int:
        """How many appointments `list` would show on all of its pages: see `AgendaFilters`.

        None of them is read: it is one call of the store, but for a ``search``, which reads first
        who is called so. A number tells of no record, so nothing is written down of it, unless it
        is asked of one ``patient`` and is more than none: that is a read of theirs. Raises as
        `list` does.
        """
        gate = self._context.admit("appointment.list")
        refuse_unknown(filters, AgendaFilters, "count")
        agenda = self._agenda(gate, filters)
        found = self._context.store.count_appointments(
            self._context.practice, agenda, within=gate.reach
        )
        if found and agenda.patient is not None:
            gate.tell_of(Kind.APPOINTMENT.value, [agenda.patient])
        return found

    def named(self, appointments: Iterable[Appointment]) -> tuple[NamedAppointment, ...]:
        """Some appointments, a page of them say, with the names of those whom they are of.

        In the order given. Names that the principal may not see are left empty, as are those of
        patients whose keys were destroyed. However many they are, it is as many calls of the store.
        """
        gate = self._context.admit("patient.read")
        gate.also("provider.read")
        gate.also("location.read")
        given = tuple(appointments)
        of_each = [
            (
                Ref(Kind.PATIENT, one.patient or ""),
                Ref(Kind.PROVIDER, one.provider),
                Ref(Kind.LOCATION, one.location or ""),
            )
            for one in given
        ]
        found = gate.those({ref for refs in of_each for ref in refs if ref.id})
        named = {
            ref: one.name
            for ref, one in found.items()
            if isinstance(one, Patient | Provider | Location)
        }
        return tuple(
            NamedAppointment(
                appointment=one,
                patient_name=named.get(patient, ""),
                provider_name=named.get(provider, ""),
                location_name=named.get(location, ""),
            )
            for one, (patient, provider, location) in zip(given, of_each, strict=True)
        )

    def conflicts(self, appointment: Appointment | str) -> Mapping[Resource, tuple[Claim, ...]]:
        """What else takes the time of an appointment's resources, by resource; mostly nothing.

        Of one that takes no time as yet, what it would meet if it did. Expired holds are no
        conflict. `NotFound` for an unknown one.
        """
        gate = self._context.admit("appointment.conflicts", Kind.APPOINTMENT, appointment)
        one = self._seen(gate, appointment if isinstance(appointment, str) else appointment.id)
        hushing = gate.hushing
        now, found = self._context.now(), dict[Resource, tuple[Claim, ...]]()
        for span in one.spans:
            claims = self._context.store.claims(
                self._context.practice, [span.resource], span.low, span.high
            )
            others = tuple(
                claim
                for claim in claims
                if claim.is_live(now) and (claim.kind, claim.id) != (ClaimKind.APPOINTMENT, one.id)
            )
            if others:
                found[span.resource] = others if hushing is None else hushing.claims(others)
        return MappingProxyType(found)

    def _scope(self, agenda: Agenda, options: AgendaOptions) -> str:
        """The name of the whole list, the same however it was asked for.

        What is still to come changes from page to page; that it is asked for does not.
        """
        since, named = options.get("since"), options.get("search")
        stated = attrs.evolve(
            agenda, since=None if since is None else since.astimezone(UTC), named=None
        )
        fields = [_said(one) for one in attrs.astuple(stated, recurse=False)]
        searched = None if named is None else named.strip()
        return repr((self._context.practice, fields, searched, bool(options.get("upcoming"))))

    def _agenda(self, gate: Gate, filters: AgendaFilters) -> Agenda:
        """What is asked for, in no order as yet."""
        since, before = filters.get("since"), filters.get("before")
        for name, bound in (("since", since), ("before", before)):
            if bound is not None:
                minute_of(bound, name, rounding="down")
        statuses = _statuses(filters.get("status"))
        if filters.get("upcoming"):
            statuses = UPCOMING if statuses is None else statuses & UPCOMING
            soonest = self._context.now() + timedelta(microseconds=1)
            since = soonest if since is None else max(since, soonest)
        return Agenda(
            provider=filters.get("provider"),
            patient=filters.get("patient"),
            location=filters.get("location"),
            type=filters.get("type"),
            statuses=statuses,
            since=since,
            before=before,
            named=self._named(gate, filters["search"]) if "search" in filters else None,
        )

    def _named(self, gate: Gate, text: str) -> Named:
        """Whom and what a text may name. Names are looked for among all who have one."""
        if not isinstance(text, str) or not text.strip() or len(text) > _LONGEST_SEARCH:
            size = len(text) if isinstance(text, str) else type(text).__name__
            raise InvalidText("search", size, f"1 to {_LONGEST_SEARCH} characters")
        check_characters(text, "search")
        wanted = text.strip()
        return Named(
            id=text,
            references=frozenset({text, wanted, wanted.upper()}),
            patients=frozenset({text, *self._patients(gate, wanted)}),
            providers=frozenset({text, *self._providers(wanted.casefold())}),
        )

    def _patients(self, gate: Gate, name: str) -> Iterator[str]:
        try:
            sought = Sought.of("name", name)
        except InvalidText:  # there is no word in it
            return
        called = {"name": sought}
        records = self._context.records
        for one in records(Patient, active=None, where=called, within=gate.reach):
            yield one.id

    def _providers(self, part: str) -> Iterator[str]:
        for one in self._context.records(Provider, active=None):
            if part in one.name.casefold():
                yield one.id


def _statuses(
    stated: AppointmentStatus | str | Collection[AppointmentStatus | str] | None,
) -> frozenset[AppointmentStatus] | None:
    if stated is None:
        return None
    some = [stated] if isinstance(stated, str) else stated
    return frozenset(map(AppointmentStatus, some))


def _said(value: object) -> object:
    """A field of an agenda, written alike for equal values."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return sorted(value) if isinstance(value, frozenset) else value


def _written_place(scope: str, place: Place) -> str:
    return cursor(scope, f"{place.at.isoformat()} {place.id}")


def _read_place(scope: str, text: str) -> Place:
    at, _, id = read_cursor(scope, text).partition(" ")
    return Place(datetime.fromisoformat(at), id)
