"""The application: everything put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
from anyio.to_thread import run_sync
from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from clinic_service import problems
from clinic_service.logs import LOG, Requests
from clinic_service.routes import appointments, auth, booking, office, provider_availability
from clinic_service.service import Served, Service
from clinic_service.settings import Settings
from medsched.adapters.http import SCHEMA
from medsched.adapters.sqlalchemy import migrations
from medsched.ports.clock import Clock

PAGE: Final = Path(__file__).with_name("page")
POLICY: Final = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a browser lets the page do; the page itself forbids some more."""


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """A service behind its endpoints."""
    app = FastAPI(
        title="A clinic's scheduling",
        version="1",
        description="The reference service of medsched. Errors are RFC 9457 problem details.",
        responses=problems.DOCUMENTED,
        dependencies=[Depends(read_body)],
        lifespan=working,
        redirect_slashes=False,
    )
    app.state.service = Service(settings, clock)
    problems.install(app)
    app.add_middleware(Requests, largest=settings.largest_body)
    for room in (auth, provider_availability, appointments, office, booking):
        app.include_router(room.router)
    app.add_api_route("/healthz", healthz, tags=["operations"])
    app.add_api_route("/readyz", readyz, tags=["operations"])
    app.add_api_route("/", page, include_in_schema=False)
    app.mount("/page", StaticFiles(directory=PAGE / "parts"))
    app.openapi()["components"]["schemas"]["Problem"] = dict(SCHEMA)
    return app


@asynccontextmanager
async def working(app: FastAPI) -> AsyncIterator[None]:
    """While the service runs, offer what has come free to whoever waits."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_work, app.state.service)
        yield
        tasks.cancel_scope.cancel()
    app.state.service.store.engine.dispose()


async def _work(service: Service) -> None:
    """A pass every some seconds; of those of several processes, each finds what is left to do."""
    practice = service.scheduler.practice(service.settings.practice)
    while True:
        try:
            await run_sync(practice.waitlist.work)
            await run_sync(practice.holds.sweep)
        except Exception as error:  # the next pass may do better
            LOG.error("work failed", extra={"facts": {"error": type(error).__name__}})
        await anyio.sleep(service.settings.work_every)


def page() -> FileResponse:
    """The page, which takes nothing from anywhere else."""
    return FileResponse(PAGE / "index.html", headers={"Content-Security-Policy": POLICY})


async def read_body(request: Request) -> None:
    """Read it where nobody else does, too: one that is too large is refused before all else."""
    await request.body()


def healthz() -> dict[str, str]:
    """Whether the service runs at all."""
    return {"status": "ok"}


def readyz(service: Served) -> dict[str, str]:
    """Whether it can answer: its database is there, its tables those of this release."""
    migrations.check(service.store.engine)
    return {"status": "ready"}
