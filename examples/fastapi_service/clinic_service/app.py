"""The application: everything put together."""

from typing import Any

from fastapi import Depends, FastAPI, Request

from clinic_service import problems
from clinic_service.accounts import METADATA
from clinic_service.logs import Requests
from clinic_service.routes import appointments, auth, booking, office, provider_availability
from clinic_service.settings import Settings
from clinic_service.who import Served, Service
from medsched.adapters.audit.keeping import AuditKeeping
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore, migrations
from medsched.adapters.sqlalchemy.encryption import BlindIndex, Encryption
from medsched.ports.clock import Clock


def sealing_of(settings: Settings) -> dict[str, Any]:
    """What is told to a store: with keys all that is a patient's is sealed, and audited."""
    if settings.keys is None:
        return {}
    keys = LocalKeys.read(settings.keys)
    return {"audit": AuditKeeping(keys), "encryption": Encryption(keys, index=BlindIndex())}


def prepare(settings: Settings) -> None:
    """Make the tables of the library and of the service where there are none."""
    store = SqlAlchemyStore(settings.database)
    migrations.create(store.engine)
    METADATA.create_all(store.engine)
    store.engine.dispose()


def service_of(settings: Settings, *, clock: Clock | None = None) -> Service:
    """What answers, over one database, which `prepare` has made ready."""
    sealing = sealing_of(settings)
    store = SqlAlchemyStore(settings.database, **sealing)
    return Service(settings, store, clock or store.surroundings.clock, sealing)


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The same behind its endpoints."""
    app = FastAPI(
        title="A clinic's scheduling",
        version="1",
        description="The reference service of medsched. Errors are RFC 9457 problem details.",
        responses=problems.DOCUMENTED,
        dependencies=[Depends(read_body)],
        redirect_slashes=False,
    )
    app.state.service = service_of(settings, clock=clock)
    problems.install(app)
    app.add_middleware(Requests, largest=settings.largest_body)
    for room in (auth, provider_availability, appointments, office, booking):
        app.include_router(room.router)
    app.add_api_route("/healthz", healthz, tags=["operations"])
    app.add_api_route("/readyz", readyz, tags=["operations"])
    app.openapi()["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
    return app


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
