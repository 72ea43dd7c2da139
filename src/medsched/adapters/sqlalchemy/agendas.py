"""Lists of appointments as queries: what they ask for, and in which order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Table

from medsched.adapters.sqlalchemy.locking import nameable
from medsched.adapters.sqlalchemy.schema import Tables
from medsched.domain.agendas import Agenda, AppointmentOrder, Named, Place
from medsched.domain.records import Resource
from medsched.domain.stored import Kind


def asked_for(
    tables: Tables, practice: str, agenda: Agenda, after: Place | None
) -> sa.ColumnElement[bool] | None:
    """The rows of an agenda after a place in it; None where there can be none."""
    table = tables.booking
    booking = table.c
    here = [booking.practice == practice, booking.kind == Kind.APPOINTMENT.value]
    for column, id in (
        (booking.provider, agenda.provider),
        (booking.patient, agenda.patient),
        (booking.location, agenda.location),
        (booking.type, agenda.type),
    ):
        if id is not None:
            if not nameable(id):
                return None
            here.append(column == id)
    if agenda.resource is not None:
        if not nameable(agenda.resource.id):
            return None
        here.append(booking.id.in_(_having(tables.reference, practice, agenda.resource)))
    if agenda.statuses is not None:
        here.append(booking.status.in_([status.value for status in agenda.statuses]))
    if agenda.since is not None:
        here.append(booking.start_at >= agenda.since)
    if agenda.before is not None:
        here.append(booking.start_at < agenda.before)
    if agenda.named is not None:
        here.append(_named(table, agenda.named))
    if after is not None:
        at = _at(table, agenda)
        beyond, id_beyond = (
            (at < after.at, booking.id < after.id)
            if agenda.descending
            else (at > after.at, booking.id > after.id)
        )
        here.append(sa.or_(beyond, sa.and_(at == after.at, id_beyond)))
    return sa.and_(*here)


def in_order(table: Table, query: sa.Select[Any], agenda: Agenda) -> sa.Select[Any]:
    """A query in the order of an agenda."""
    order = (_at(table, agenda), table.c.id)
    return query.order_by(*(one.desc() for one in order) if agenda.descending else order)


def _at(table: Table, agenda: Agenda) -> sa.Column[Any]:
    return table.c.start_at if agenda.order is AppointmentOrder.START else table.c.created_at


def _having(table: Table, practice: str, resource: Resource) -> sa.Select[tuple[str]]:
    """The ids of the appointments that have a room or device."""
    reference, kind = table.c, Kind.APPOINTMENT.value
    return sa.select(reference.id).where(
        reference.practice == practice,
        reference.kind == kind,
        reference.to_kind == resource.kind.value,
        reference.to_id == resource.id,
    )


def _named(table: Table, named: Named) -> sa.ColumnElement[bool]:
    booking = table.c
    found: list[sa.ColumnElement[bool]] = [
        booking.patient.in_(_nameable(named.patients)),
        booking.provider.in_(_nameable(named.providers)),
    ]
    found.append(booking.reference.in_(_nameable(named.references)))
    if nameable(named.id):
        found.append(booking.id == named.id)
    return sa.or_(*found)


def _nameable(ids: Collection[str]) -> list[str]:
    return sorted(id for id in ids if nameable(id))
