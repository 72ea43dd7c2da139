"""What one running service consists of, over one database."""

from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Connection

from clinic_service.accounts import METADATA, Accounts, Sessions, Throttle
from clinic_service.settings import Settings
from medsched import Scheduler
from medsched.adapters.audit.keeping import AuditKeeping
from medsched.adapters.keys.local import LocalKeys
from medsched.adapters.sqlalchemy import SqlAlchemyStore, migrations
from medsched.adapters.sqlalchemy.encryption import BlindIndex, Encryption
from medsched.ports.clock import Clock


class Service:
    """The library and the logins over one database, which `prepare` has made ready."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings, self._sealing = settings, _sealing(settings)
        self.store = SqlAlchemyStore(settings.database, **self._sealing)
        self.clock = clock or self.store.surroundings.clock
        self.scheduler = Scheduler(self.store, clock=self.clock)
        self.accounts = Accounts(self.store.engine, settings)
        self.sessions = Sessions(self.store.engine, settings)
        self.throttle = Throttle(self.store.engine, settings)

    def joined(self, connection: Connection) -> Scheduler:
        """The scheduler within the transaction that is under way on a connection."""
        store = SqlAlchemyStore.join(connection, **self._sealing)
        return Scheduler(store, clock=self.clock)


def _sealing(settings: Settings) -> dict[str, Any]:
    """What a store is told: with keys all that is a patient's is sealed, and an audit is kept."""
    if settings.keys is None:
        return {}
    keys = LocalKeys.read(settings.keys)
    return {"audit": AuditKeeping(keys), "encryption": Encryption(keys, index=BlindIndex())}


def prepare(settings: Settings) -> None:
    """Make the tables of the library and of the service where there are none."""
    engine = SqlAlchemyStore(settings.database).engine
    migrations.create(engine)
    METADATA.create_all(engine)
    engine.dispose()


def served(request: Request) -> Service:
    """The service that answers."""
    found: Service = request.app.state.service
    return found


Served = Annotated[Service, Depends(served)]
