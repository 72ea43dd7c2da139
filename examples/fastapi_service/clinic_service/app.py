"""The application: everything put together."""

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from clinic_service import problems
from clinic_service.accounts import Accounts
from clinic_service.limits import LargestBody
from clinic_service.logs import Requests
from clinic_service.routes import ROUTERS
from clinic_service.settings import Settings
from clinic_service.tables import METADATA
from clinic_service.throttle import Throttle
from clinic_service.tokens import Sessions
from clinic_service.who import Served, Service
from medsched import Scheduler
from medsched.adapters.audit.keeping import AuditKeeping
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore, migrations
from medsched.adapters.sqlalchemy.encryption import BlindIndex, Encryption
from medsched.ports.clock import Clock

PAGE: Final = Path(__file__).with_name("page")
POLICY: Final = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a browser lets the page do; the page itself forbids some more."""


class Documented(FastAPI):
    """Tells in its OpenAPI document what problems look like, too."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        told = super().openapi()
        told["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
        return told


def store_of(settings: Settings) -> SqlAlchemyStore:
    """The store that is set: with keys all that is a patient's is sealed, and an audit is kept."""
    if settings.keys is None:
        return SqlAlchemyStore(settings.database)
    keys = LocalKeys.read(settings.keys)
    sealed = Encryption(keys, index=BlindIndex())
    return SqlAlchemyStore(settings.database, audit=AuditKeeping(keys), encryption=sealed)


def prepare(settings: Settings) -> None:
    """Make the tables of the library and of the service where there are none."""
    store = store_of(settings)
    migrations.create(store.engine)
    METADATA.create_all(store.engine)
    store.engine.dispose()


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The service over one database, which `prepare` has made ready."""
    store = store_of(settings)
    clock = clock or store.surroundings.clock
    app = Documented(
        title="A clinic's scheduling",
        version="1",
        description="The reference service of medsched. Errors are RFC 9457 problem details.",
        responses=problems.DOCUMENTED,
        redirect_slashes=False,
    )
    secret = settings.secret.get_secret_value()
    app.state.service = Service(
        settings=settings,
        store=store,
        scheduler=Scheduler(store, clock=clock),
        clock=clock,
        accounts=Accounts(store.engine, secret),
        sessions=Sessions(store.engine, settings),
        throttle=Throttle(store.engine, settings),
    )
    problems.install(app)
    app.add_middleware(LargestBody, largest=settings.largest_body)
    app.add_middleware(Requests)
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/healthz", healthz, tags=["operations"])
    app.add_api_route("/readyz", readyz, tags=["operations"])
    app.add_api_route("/", page, include_in_schema=False)
    app.mount("/page", StaticFiles(directory=PAGE / "parts"))
    return app


def page() -> FileResponse:
    """The page, which takes nothing from anywhere else."""
    return FileResponse(PAGE / "index.html", headers={"Content-Security-Policy": POLICY})


def healthz() -> dict[str, str]:
    """Whether the service runs at all."""
    return {"status": "ok"}


def readyz(service: Served) -> dict[str, str]:
    """Whether it can answer: its database is there, its tables those of this release."""
    migrations.check(service.store.engine)
    return {"status": "ready"}
