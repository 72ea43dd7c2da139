"""Time blocks: published, read, booked, and taken back as long as nobody was in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final, Unpack

from medsched.domain.appointments import Appointment
from medsched.domain.events import Change
from medsched.domain.fields import check_id
from medsched.domain.pages import Page, cursor, read_cursor
from medsched.domain.records import Resource
from medsched.domain.starts import Start
from medsched.domain.stored import Kind, kind_of
from medsched.domain.stranding import Stranded
from medsched.domain.time_blocks import FIXED, TimeBlock
from medsched.engine.time_blocks import published_span, span_of_block
from medsched.errors import InvalidChoice, InvalidInterval, NotFound, VersionConflict
from medsched.services.appointments import Appointments
from medsched.services.asked_for import Details
from medsched.services.context import Context
from medsched.services.queries import TimeBlockQuery
from medsched.services.records import Records
from medsched.services.stranding import Fate
from medsched.services.writer import Writer, said_of
from medsched.timeline.instants import check_date, instant_of
from medsched.timeline.intervals import Interval
from medsched.timeline.zones import Zone

_BATCH: Final = 500


class TimeBlocks:
    """The time blocks of one practice.

    A block is one slot for one appointment, free again when that is cancelled. It is listed and
    explained by `Availability` like all other hours, and booked by `book` or like any slot.

    When and where it is never changes, so what is booked in it stays there. What an appointment
    refers to, a cancelled one too, cannot be deleted; deactivate it, and publish another.
    """

    def __init__(self, context: Context, appointments: Appointments) -> None:
        self._context = context
        self._appointments = appointments
        self._writer = Writer(context)
        self._records = Records(context, TimeBlock, TimeBlockQuery)

    # ------------------------------------------------------------------- publishing

    def publish(
        self,
        block: TimeBlock,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> TimeBlock:
        """Store a block, and return it as stored: its id and its zone given.

        ``stranded`` says what becomes of appointments that stand in time which the block offers
        otherwise, and ``reason`` what they are told: see `Availability`.

        `NonexistentTime` for an edge that the clock skips, `AmbiguousTime` for one that it shows
        twice and of which it is not said which one is meant; `ContradictoryOverrides` for time
        that is another block's, or of other extra hours; `InvalidDuration` for a length outside
        the practice's bounds; `NotFound` for a provider, place, room or type that is not there;
        `UnknownZone`; `AlreadyExists`. Repeated under its key it returns the block that it made.
        """
        (made,) = self.publish_all(
            [block], stranded=stranded, reason=reason, idempotency_key=idempotency_key
        )
        return made

    def publish_all(
        self,
        blocks: Iterable[TimeBlock],
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> tuple[TimeBlock, ...]:
        """Store many: all of them, or none and the first error of `publish`.

        They are compared with one another as well.
        """
        gate, given = self._context.admit("time-block.publish"), tuple(blocks)
        for block in given:
            if not isinstance(block, TimeBlock):
                raise InvalidChoice("blocks", type(block).__name__, "a TimeBlock is needed")
        return self._writer.create(
            gate, given, stranded=stranded, reason=reason, key=idempotency_key
        )

    # ---------------------------------------------------------------------- reading

    def get(self, id: str) -> TimeBlock:
        """The block of this id, active or not; `NotFound` if there is none."""
        return self._records.get(id)

    def find(self, id: str) -> TimeBlock | None:
        """The block of this id, active or not; None if there is none."""
        return self._records.find(id)

    def list(
        self,
        *,
        provider: str | None = None,
        first: date | None = None,
        last: date | None = None,
        free: bool | None = None,
        active: bool | None = True,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[TimeBlock]:
        """A page of the blocks, in order of id; without arguments the first hundred active ones.

        ``first`` and ``last``: those on these dates, both inclusive. ``free``: those whose
        provider nothing takes then (True), or something does (False); whether a type can be
        booked in one, `Availability.slots` tells. `InvalidNumber` for a limit that is not 1 to
        1000, `InvalidCursor`, `InvalidInterval` for dates in the wrong order.
        """
        self._context.admit("time-block.list")
        for name, bound in (("first", first), ("last", last)):
            if bound is not None:
                check_date(bound, name)
        if first is not None and last is not None and last < first:
            raise InvalidInterval("last", (first, last), "comes before the first date")
        query = TimeBlockQuery(provider=provider, active=active, limit=limit, cursor=cursor)
        scope = repr((query.scope(self._context.practice, Kind.TIME_BLOCK), first, last, free))
        shown: list[TimeBlock] = []
        for block in self._all(query, None if cursor is None else read_cursor(scope, cursor), free):
            if (first and block.date < first) or (last and block.date > last):
                continue
            if len(shown) == limit:
                return Page(tuple(shown), _written(scope, shown[-1]))
            shown.append(block)
        return Page(tuple(shown), None)

    def _all(
        self, query: TimeBlockQuery, after: str | None, free: bool | None
    ) -> Iterator[TimeBlock]:
        """All that a query asks for after an id, a batch at a time."""
        store, practice = self._context.store, self._context.practice
        while True:
            batch = store.page(
                practice,
                TimeBlock,
                active=query.active,
                where=dict(query.filters()),
                after=after,
                limit=_BATCH,
            )
            taken = {} if free is None else self._taken(batch)
            yield from (one for one in batch if free is None or taken[one.id] is not free)
            if len(batch) < _BATCH:
                return
            after = batch[-1].id

    def _taken(self, blocks: Sequence[TimeBlock]) -> Mapping[str, bool]:
        """Whether something takes the time of each block, or its wall is not there any more."""
        spans = {block.id: span_of_block(block, self._zone(block)) for block in blocks}
        laid = [span for span in spans.values() if span is not None]
        if not laid:
            return dict.fromkeys(spans, True)
        low, high = min(start for start, _ in laid), max(end for _, end in laid)
        providers, now = {block.resource for block in blocks}, self._context.now()
        claims: dict[Resource, list[Interval]] = {one: [] for one in providers}
        for claim in self._context.store.claims(self._context.practice, providers, low, high):
            if claim.is_live(now):
                claims[claim.resource].append((claim.low, claim.high))
        return {
            block.id: (span := spans[block.id]) is None
            or any(start < span[1] and end > span[0] for start, end in claims[block.resource])
            for block in blocks
        }

    def times(self, block: TimeBlock | str) -> tuple[datetime, datetime]:
        """When a stored block begins and ends: aware UTC instants, the end exclusive. `NotFound`.

        `NonexistentTime` or `AmbiguousTime` where its zone has changed since, and it opens nothing.
        """
        self._context.admit("time-block.read", Kind.TIME_BLOCK, block)
        return self._times(self._stored(_id(block)))

    def _times(self, stored: TimeBlock) -> tuple[datetime, datetime]:
        low, high = published_span(stored, self._zone(stored))
        return instant_of(low), instant_of(high)

    def _stored(self, id: str) -> TimeBlock:
        found = self._context.store.get(self._context.practice, TimeBlock, id)
        if found is None:
            raise NotFound(Kind.TIME_BLOCK.value, id)
        return found

    def _zone(self, block: TimeBlock) -> Zone:
        assert block.timezone is not None  # every stored block states one
        return self._context.zones.zone(block.timezone)

    # ---------------------------------------------------------------------- booking

    def start(self, block: TimeBlock | str, type: str) -> Start:
        """The start of a block for an appointment type: to hold, propose or reschedule into.

        Whatever else may be open then, it is this block or refused. Raises as `times`.
        """
        self._context.admit("time-block.read", Kind.TIME_BLOCK, block)
        stored = self._stored(_id(block))
        return Start(stored.provider, type, self._times(stored)[0], block=stored.id)

    def book(
        self, block: TimeBlock | str, *, type: str, patient: str, **details: Unpack[Details]
    ) -> Appointment:
        """Take a block for a patient: pending, until `Appointments.accept` confirms it.

        That is the practice's to do, not the patient's. The appointment begins and ends with the
        block, and names it. `Appointments.cancel` frees the block, for the same patient too. Raises
        as `Appointments.request`: `BookingRefused` for a block that is taken, by whomever.
        """
        return self._appointments.request(self.start(block, type), patient=patient, **details)

    # --------------------------------------------------------------------- changing

    def update(
        self,
        block: TimeBlock,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> TimeBlock:
        """Store a changed block, made by ``attrs.evolve`` from the stored one.

        ``stranded`` says what becomes of an appointment that the block does not offer any more.

        `InvalidChoice` for another provider, time, zone, location or room: publish another block.
        `NotFound`; `VersionConflict` if it was changed since it was read; what publishing raises.
        """
        gate = self._context.admit("time-block.update", Kind.TIME_BLOCK, block)
        if not isinstance(block, TimeBlock):
            raise InvalidChoice("block", type(block).__name__, "a TimeBlock is needed")

        def changed(stored: TimeBlock) -> TimeBlock:
            if stored.version != block.version:
                kind = kind_of(TimeBlock).value
                raise VersionConflict(kind, block.id, block.version, stored.version)
            for name in FIXED:
                if getattr(block, name) != getattr(stored, name):
                    why = "a time block stays when and where it is: publish another one"
                    raise InvalidChoice(name, str(getattr(block, name)), why)
            return block

        fate = Fate(stranded, reason)
        request = self._writer.keyed(gate, idempotency_key, {"record": said_of(block)}, fate)
        return self._writer.change(
            gate, TimeBlock, block.id, Change.UPDATED, changed, fate=fate, request=request
        )

    def deactivate(
        self,
        block: TimeBlock | str,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> TimeBlock:
        """Keep a block and offer it no more. It is named by its id, or as it was read.

        ``stranded`` says what becomes of an appointment that stands in it, and ``reason`` what
        it is told: `AppointmentsStranded` unless stated. `NotFound`; `VersionConflict` for a block
        in hand that was changed since.
        """
        return self._records.deactivate(
            block, stranded=stranded, reason=reason, idempotency_key=idempotency_key
        )

    def activate(
        self,
        block: TimeBlock | str,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> TimeBlock:
        """Offer a block again. `NotFound`, and what publishing it raises."""
        return self._records.activate(
            block, stranded=stranded, reason=reason, idempotency_key=idempotency_key
        )

    def delete(
        self,
        id: str,
        *,
        stranded: Stranded | str = Stranded.REFUSE,
        reason: str = "",
        idempotency_key: str | None = None,
    ) -> None:
        """Remove a block for good.

        `NotFound`; `InUse` if an appointment or hold refers to it, a cancelled one too. One that
        stands in its time without being in it may be stranded, as in `deactivate`.
        """
        self._records.delete(id, stranded=stranded, reason=reason, idempotency_key=idempotency_key)


def _id(block: TimeBlock | str) -> str:
    return block.id if isinstance(block, TimeBlock) else check_id(block, "block")


def _written(scope: str, block: TimeBlock) -> str:
    return cursor(scope, block.id)
