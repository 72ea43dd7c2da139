"""A small server that speaks Vault's transit API, as far as it is documented and asked for here."""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "a token of the tests"


class Vault:
    """Keys by name, each a list of versions; what it answers may be changed."""

    def __init__(self) -> None:
        self.keys: dict[str, list[bytes]] = {"medsched": [secrets.token_bytes(32)]}
        self.least: dict[str, int] = {}
        self.status: int | None = None
        self.says: bytes | None = None
        self.ignores_associated_data = False
        self.url = ""

    def rotate(self, name: str) -> None:
        self.keys[name].append(secrets.token_bytes(32))

    def answer(self, method: str, path: str, token: str | None, said: Any) -> tuple[int, Any]:
        if self.status is not None:
            return self.status, {"errors": ["as the test wants it"]}
        if token != TOKEN:
            return 403, {"errors": ["permission denied"]}
        parts = path.strip("/").split("/")
        if len(parts) != 4 or parts[:2] != ["v1", "transit"]:
            return 404, {"errors": [f"no handler for route {path!r}"]}
        action, name = parts[2:]
        versions = self.keys.get(name)
        if action == "keys" and method == "GET":
            if versions is None:
                return 404, {"errors": []}
            return 200, {"data": {"name": name, "latest_version": len(versions)}}
        if method != "POST" or action not in ("encrypt", "decrypt"):
            return 405, {"errors": ["unsupported operation"]}
        if versions is None:
            return 400, {"errors": ["encryption key not found"]}
        data = b64decode(said.get("associated_data", ""))
        if self.ignores_associated_data:
            data = b""
        if action == "encrypt":
            nonce = secrets.token_bytes(12)
            cipher = AESGCM(versions[-1])
            sealed = nonce + cipher.encrypt(nonce, b64decode(said["plaintext"]), data)
            text = b64encode(sealed).decode()
            return 200, {"data": {"ciphertext": f"vault:v{len(versions)}:{text}"}}
        return self._decrypt(name, versions, said["ciphertext"], data)

    def _decrypt(
        self, name: str, versions: list[bytes], ciphertext: str, data: bytes
    ) -> tuple[int, Any]:
        prefix, _, rest = ciphertext.partition(":")
        version, _, text = rest.partition(":")
        if prefix != "vault" or not version[1:].isdigit():
            return 400, {"errors": ["invalid ciphertext: no prefix"]}
        number = int(version[1:])
        if number < self.least.get(name, 1):
            said = "ciphertext or signature version is disallowed by policy (too old)"
            return 400, {"errors": [said]}
        if number > len(versions):
            return 400, {"errors": ["invalid ciphertext: version is too new"]}
        try:
            sealed = b64decode(text, validate=True)
            plain = AESGCM(versions[number - 1]).decrypt(sealed[:12], sealed[12:], data)
        except (ValueError, InvalidTag):
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": b64encode(plain).decode()}}


@contextmanager
def serving() -> Iterator[Vault]:
    """A server on loopback, for as long as this lasts."""
    vault = Vault()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            said = json.loads(self.rfile.read(size) or b"{}")
            status, found = vault.answer(method, self.path, self.headers.get("X-Vault-Token"), said)
            body = json.dumps(found).encode() if vault.says is None else vault.says
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    vault.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
