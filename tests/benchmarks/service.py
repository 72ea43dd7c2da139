"""The reference service under load: many clients who search and book, on PostgreSQL.

A server of its own process, real sockets, and as many clients as are stated: each finds what is
free on some day, holds one of the slots, confirms it, and now and then cancels. Nothing may come
back but what is documented: a conflict where a rival was faster. In the end no minute may be taken
twice. Beside it, the library's own booking and search in one process on the same database.

    nox -s load -- [--clients 64] [--seconds 60] [--database postgresql]
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "fastapi_service"))

import httpx
import uvicorn
from tests.databases import started

from clinic_service import Settings, create_app
from clinic_service.accounts import ACCOUNT, Sessions
from clinic_service.service import prepare
from medsched import (
    AppointmentType,
    AvailabilityRule,
    BookingRefused,
    Patient,
    Provider,
    Recurrence,
    Scheduler,
    Search,
)
from medsched.adapters.sqlalchemy import SqlAlchemyStore, verify

SECRET: Any = "a secret that nobody but this measurement has"
PROVIDERS, DAYS = 16, 60
FIRST = datetime.now(UTC).date() + timedelta(days=1)


def filled(database: str, clients: int) -> list[str]:
    """A practice with patients who can log in; their access tokens."""
    settings = Settings(secret=SECRET, database=database)
    prepare(settings)
    store = SqlAlchemyStore(database)
    clinic = Scheduler(store).practice(settings.practice)
    clinic.settings.configure(timezone="UTC")
    who = [f"p{number}" for number in range(PROVIDERS)]
    clinic.add_all(
        [
            AppointmentType(code="consultation", duration=timedelta(minutes=20)),
            *(Provider(id=one, timezone="UTC") for one in who),
            *(Patient(id=f"patient-{number}") for number in range(clients)),
            *(
                AvailabilityRule(one, Recurrence.daily(date(2026, 1, 1)), hours="00:00-24:00")
                for one in who
            ),
        ]
    )
    rows: list[dict[str, Any]] = [
        {
            "id": f"a{number}",
            "login": f"a{number}",
            "password": "",
            "role": "patient",
            "practice": clinic.id,
            "patient": f"patient-{number}",
            "locations": [],
        }
        for number in range(clients)
    ]
    with store.engine.begin() as connection:
        connection.execute(ACCOUNT.insert(), rows)
    sessions = Sessions(store.engine, settings)
    found = [str(sessions.begin(row["id"], mfa=False)["access_token"]) for row in rows]
    store.engine.dispose()
    return found


class Client:
    """Somebody who looks for a slot and takes it, again and again."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60)
        self.taken: dict[str, list[float]] = {"search": [], "book": []}
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.errors: list[str] = []

    def timed(self, what: str, method: str, path: str, **asked: Any) -> httpx.Response:
        """One request, timed under a name."""
        began = time.perf_counter()
        answer = self.http.request(method, path, **asked)
        self.taken.setdefault(what, []).append(time.perf_counter() - began)
        self.statuses[what, answer.status_code] += 1
        if answer.status_code not in (200, 201, 204, 409):
            self.errors.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    def run(self, until: float) -> None:
        """Search, hold, confirm, sometimes cancel, until a time."""
        while time.perf_counter() < until:
            day = (FIRST + timedelta(days=random.randrange(DAYS))).isoformat()
            asked = {"start_date": day, "end_date": day, "limit": 50}
            slots = self.timed("search", "GET", "/api/v1/slots", params=asked).json()["slots"]
            if not slots:
                continue
            body = {"slot_id": random.choice(slots)["slot_id"]}
            held = self.timed("hold", "POST", "/api/v1/holds", json=body)
            if held.status_code != 201:
                continue
            path = f"{held.headers['location']}/confirm"
            booked = self.timed("confirm", "POST", path, json={})
            if booked.status_code == 201 and random.random() < 0.2:
                self.timed("cancel", "DELETE", booked.headers["location"])


def shown(name: str, taken: list[float]) -> None:
    """The rate and the slowest of what was timed."""
    if len(taken) > 1:
        cuts = statistics.quantiles(taken, n=100)
        told = f"median {cuts[49] * 1000:6.1f} ms   p99 {cuts[98] * 1000:6.1f} ms"
        print(f"  {name:<24} {len(taken):>6} times   {told}")


def timed(work: Callable[[int], object], times: int) -> list[float]:
    taken = []
    for number in range(times):
        began = time.perf_counter()
        with suppress(BookingRefused):
            work(number)
        taken.append(time.perf_counter() - began)
    return taken


def library(database: str, times: int) -> None:
    """What the library itself takes, one caller at a time."""
    store = SqlAlchemyStore(database)
    clinic = Scheduler(store).practice("riverside")

    def search(number: int) -> object:
        day = FIRST + timedelta(days=number % DAYS)
        wanted = Search(first=day, types="consultation", patient="patient-0")
        return list(clinic.search.slots(wanted, limit=50))

    last = datetime.combine(FIRST + timedelta(days=DAYS + 30), datetime.min.time(), UTC)
    free = clinic.availability.slots(
        "p0", "consultation", last, last + timedelta(days=times // 72 + 1)
    )
    print("the library's own, one caller:")
    shown("search", timed(search, times))
    shown("book", timed(lambda at: clinic.appointments.book(free[at], patient="patient-0"), times))
    store.engine.dispose()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def answering(url: str) -> None:
    for _ in range(300):
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the service does not answer")


def serve(database: str, port: int) -> None:
    """The server: what the other process runs."""
    app = create_app(Settings(secret=SECRET, database=database))
    uvicorn.run(app, port=port, log_config=None, access_log=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--database", default="postgresql")
    parser.add_argument("--serve", nargs=2, metavar=("URL", "PORT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve[0], int(asked.serve[1]))
        return
    with started(asked.database) as database, tempfile.TemporaryFile() as log:
        tokens, port = filled(database, asked.clients), free_port()
        command = [sys.executable, __file__, "--serve", database, str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            answering(url)
            clients = [Client(url, token) for token in tokens]
            until = time.perf_counter() + asked.seconds
            threads = [Thread(target=one.run, args=(until,)) for one in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            server.terminate()
            server.wait(30)
        told(clients, asked.seconds)
        library(database, 200)
        store = SqlAlchemyStore(database)
        wrong = verify(store.engine).differences
        print(f"taken twice, or otherwise wrong in the ledger: {len(wrong)}")
        store.engine.dispose()
        errors = [error for client in clients for error in client.errors]
        if wrong or errors:
            raise SystemExit(f"{len(errors)} errors: {errors[:3]}")


def told(clients: list[Client], seconds: float) -> None:
    """What came of it."""
    statuses = sum((one.statuses for one in clients), Counter[tuple[str, int]]())
    rate = sum(statuses.values()) / seconds
    print(f"{len(clients)} clients, {seconds:.0f} s: {rate:.0f} requests/s")
    for (what, status), many in sorted(statuses.items()):
        print(f"  {what:<8} {status} {many:>7}")
    for what in ("search", "hold", "confirm", "cancel"):
        shown(what, [taken for one in clients for taken in one.taken.get(what, [])])


if __name__ == "__main__":
    main()
