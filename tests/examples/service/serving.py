"""The service as tests meet it: a real server on a socket and over a database of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
import uvicorn

from clinic_service import Settings, create_app
from clinic_service.accounts import ACCOUNT
from clinic_service.service import Service, prepare
from medsched import Practice
from medsched.ports.clock import Clock

_NUMBERS = count(1)
SECRET: Any = "a secret that only these tests have ever had"
PASSWORD = "correct horse battery staple"


class Serving:
    """A running service: whom it knows, and a client for each of them."""

    def __init__(self, app: Any, url: str, practice: str) -> None:
        self.app, self.url, self.practice = app, url, practice
        self.service: Service = app.state.service
        self.accounts: dict[str, str] = {}
        self.nobody = httpx.Client(base_url=url, timeout=30)
        self._open = [self.nobody]

    @property
    def clinic(self) -> Practice:
        """The clinic as the host itself sees it."""
        return self.service.scheduler.practice(self.practice)

    def add(self, name: str, role: str, **linked: Any) -> None:
        """Somebody who is known; none of the time that a password takes is spent."""
        id = f"{name}-{self.practice}"
        row = {"id": id, "login": id, "password": "", "role": role, "practice": self.practice}
        with self.service.store.engine.begin() as connection:
            connection.execute(ACCOUNT.insert(), {"locations": [], **row, **linked})
        self.accounts[name] = id

    def another(self) -> Serving:
        """The same server, with a practice that nobody has seen."""
        return Serving(self.app, self.url, f"clinic-{next(_NUMBERS)}")

    def token(self, name: str) -> str:
        """An access token."""
        tokens = self.service.sessions.begin(self.accounts[name], mfa=False)
        return str(tokens["access_token"])

    def client(self, name: str) -> httpx.Client:
        """A client who is logged in."""
        headers = {"Authorization": f"Bearer {self.token(name)}"}
        self._open.append(httpx.Client(base_url=self.url, headers=headers, timeout=30))
        return self._open[-1]

    def close(self) -> None:
        """Give all connections back."""
        for client in self._open:
            client.close()


@contextmanager
def serving(
    database: str, *, practice: str = "clinic", clock: Clock | None = None, **stated: Any
) -> Iterator[Serving]:
    """A server that runs until this ends. It is stopped by its own handle."""
    settings = Settings(secret=SECRET, database=database, practice=practice, **stated)
    prepare(settings)
    app = create_app(settings, clock=clock)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    # Said to be TCP, or asyncio does not switch off Nagle's delays.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        found = Serving(app, f"http://127.0.0.1:{listening.getsockname()[1]}", practice)
        try:
            yield found
        finally:
            found.close()
            server.should_exit = True
            thread.join(20)
            found.service.store.engine.dispose()
            assert not thread.is_alive(), "the server did not stop"


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details of an answer, which it must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= told.keys()
    assert told["status"] == status
    return told


def shape(value: Any) -> Any:
    """What an answer looks like, whatever stands in it: names, and how they are nested."""
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__
