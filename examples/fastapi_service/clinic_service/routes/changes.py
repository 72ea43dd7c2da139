"""Where availability changes, as server-sent events (seed 001)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from clinic_service.problems import Refused
from clinic_service.who import Caller, Calling, Clinic, Served, Service
from medsched import AvailabilityChange, ChangesPage

router = APIRouter(prefix="/api/v1", tags=["changes"])
_FEW = anyio.CapacityLimiter(4)
"""Threads that look for changes: however many follow, others find a thread, too."""


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


@router.get("/changes", response_class=EventStream)
async def changes(
    clinic: Clinic,
    who: Calling,
    service: Served,
    last_event_id: Annotated[str | None, Header(max_length=1000, pattern=r"^[!-~]+$")] = None,
) -> EventStream:
    """What to ask again, as soon as it changes; ``Last-Event-ID`` goes on where one was."""
    first = await run_sync(clinic.changes, last_event_id)
    return EventStream(_events(service, who, clinic.changes, first))


async def _events(
    service: Service, who: Caller, read: Callable[[str], ChangesPage], page: ChangesPage
) -> AsyncIterator[str]:
    """Pages as they come, until whoever follows is gone or logged out."""
    while True:
        for one in page:
            told = _facts(one)
            yield f"id: {one.cursor}\nevent: {one.kind.value}\ndata: {json.dumps(told)}\n\n"
        yield ": still here\n\n"  # or nobody would find out that the other side is gone
        if not len(page):
            await anyio.sleep(service.settings.poll_every)
        try:
            session = {"sid": who.session.id, "sub": who.account.id}
            await run_sync(service.sessions.of, session, limiter=_FEW)
            page = await run_sync(read, page.next, limiter=_FEW)
        except Refused:
            return


def _facts(one: AvailabilityChange) -> dict[str, str | None]:
    """What a change says: nothing of whom it is for."""
    times = {name: getattr(one, name) for name in ("start", "end", "expires")}
    told = {name: at.isoformat() for name, at in times.items() if at is not None}
    if one.resource is not None:
        told |= {"kind": one.resource.kind.value, "id": one.resource.id}
    return told if one.type is None else {**told, "appointment_type": one.type}
