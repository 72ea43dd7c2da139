"""The one command of the README: a process that makes what it needs, and serves."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the dependency group service is not installed")

import httpx
from tests.examples.service.serving import problem

EXAMPLE = Path(__file__).parents[3] / "examples" / "fastapi_service"
_PATIENCE = 60
"""Seconds that it may take to start."""


@contextmanager
def running(folder: Path, *options: str, **environ: str) -> Iterator[httpx.Client]:
    """The service in a folder, with what it prints in ``told``; it is stopped by its own id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "clinic_service", "--port", str(port), *options]
    path = os.pathsep.join([str(EXAMPLE), *sys.path])
    with (folder / "told").open("w") as told:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **environ},
            stdout=told,
            stderr=subprocess.STDOUT,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                _wait(process, client)
                yield client
        finally:
            process.terminate()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], client: httpx.Client) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < until, "it did not start"
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)


def login(client: httpx.Client, email: str, password: str, address: str = "") -> httpx.Response:
    headers = {"X-Forwarded-For": address} if address else {}
    body = {"email": email, "password": password}
    return client.post("/api/auth/login", json=body, headers=headers)


def test_one_command_serves_the_demo(tmp_path: Path) -> None:
    with running(tmp_path) as client:
        said = (tmp_path / "told").read_text()
        known = dict(re.findall(r"^log in as (\S+) with (\S+)$", said, re.MULTILINE))
        assert "admin@example.org" in known
        for email, password in known.items():
            assert login(client, email, password).status_code == 200
        assert client.get("/").headers["content-type"].startswith("text/html")
    assert (tmp_path / "clinic.secret").stat().st_mode & 0o077 == 0, "others may read the secret"
    with running(tmp_path) as client:
        assert "log in as" not in (tmp_path / "told").read_text(), "the demo is loaded once"
        assert login(client, "admin@example.org", known["admin@example.org"]).status_code == 200


@pytest.mark.parametrize("believed", [False, True])
def test_a_forwarded_address_is_believed_only_where_that_is_set(
    tmp_path: Path, *, believed: bool
) -> None:
    options = ("--no-demo", *(["--proxy-headers"] if believed else []))
    with running(tmp_path, *options, MEDSCHED_SERVICE_ATTEMPTS_PER_ADDRESS="2") as client:
        for number in range(3):
            email, address = f"nobody-{number}@example.org", f"203.0.113.{number}"
            answer = login(client, email, "a wrong password", address)
            problem(answer, 401 if believed or number < 2 else 429)
