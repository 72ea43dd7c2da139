"""A line between a program and its database that is cut when it matters."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread
from time import sleep
from typing import Final, Self

COMMIT: Final = rb"COMMIT(?!TED)"
"""What ends a transaction; drivers say it at other times as well, when there is nothing to end."""
_WRITES: Final = re.compile(rb"(INSERT|UPDATE|DELETE)\b[^;]*medsched_")
_ENDS: Final = re.compile(rb"COMMIT(?!TED)|ROLLBACK")
LATE: Final = 0.3
"""How many seconds a command is on its way after the line was cut behind it."""


class Proxy:
    """Hands on what goes to and fro between the clients of a port and a server.

    `arm` says where the line is cut. While ``away`` is set, whoever connects is turned away.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = Lock()
        self._mark: re.Pattern[bytes] | None = None
        self._how = ""
        self._left = 0
        self._stays_away = False
        self._open = set[socket.socket]()
        self._threads: list[Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.away = False
        self.cuts = 0

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def arm(self, mark: bytes, how: str, *, times: int = 1, away: bool = False) -> None:
        """Cut the line at the next message of a client's that the ``mark`` is found in.

        With `COMMIT`, only if something has been written before it.

        ``how``: *before* it reaches the server; *after* the server has answered; in *flight*,
        when it has left; *late*, so that it reaches the server only some time after the cut;
        *deadlock*, not cut: MariaDB is told to roll back, and says that it was a deadlock. Then
        ``away``: nobody gets through until that is unset.
        """
        self._mark, self._how, self._left = re.compile(mark), how, times
        self._stays_away = away
        self.cuts = 0

    def cut(self) -> None:
        """Cut all lines now."""
        with self._lock:
            some, self._open = self._open, set()
        for one in some:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.away:
                client.close()
                continue
            server = self._connect()
            with self._lock:
                self._open |= {client, server}
            line = _Line(self, client, server)
            self._start(line.forth)
            self._start(line.back)

    def shall_cut(self, message: bytes, *, written: bool) -> str:
        """How the line is to be cut at a message; nothing if it is not."""
        with self._lock:
            if self._mark is None or not self._left or not self._mark.search(message):
                return ""
            if self._mark.pattern == COMMIT and not written:
                return ""
            self._left -= 1
            self.cuts += 1
            self.away = self.away or self._stays_away
            return self._how

    def close(self, *ends: socket.socket) -> None:
        """Close some ends."""
        with self._lock:
            self._open -= set(ends)
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class _Line:
    """What one client says to the server, and what that answers."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._written = False
        self._answer = ""
        """What is to happen at the next answer."""

    def forth(self) -> None:
        with suppress(OSError):
            while message := self._client.recv(1 << 20):
                how = self._proxy.shall_cut(message, written=self._written)
                self._written = bool(_WRITES.search(message)) or (
                    self._written and not _ENDS.search(message)
                )
                if how == "before":
                    break
                if how == "late":
                    self._proxy.close(self._client)
                    self._answer = "after"
                    sleep(LATE)
                elif how:
                    self._answer = how
                if how == "deadlock":
                    message = b"\x09\x00\x00\x00\x03ROLLBACK"
                self._server.sendall(message)
                if how == "flight":
                    break
                if how == "late":
                    return
        self._proxy.close(self._client, self._server)

    def back(self) -> None:
        with suppress(OSError):
            while answer := self._server.recv(1 << 20):
                if self._answer == "after":
                    break
                if self._answer == "deadlock":
                    self._answer = ""
                    said = b"\xff" + (1213).to_bytes(2, "little") + b"#40001Deadlock found"
                    answer = len(said).to_bytes(3, "little") + b"\x01" + said
                self._client.sendall(answer)
        self._proxy.close(self._client, self._server)
