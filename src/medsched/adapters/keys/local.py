"""Master keys in a file of one's own: for development and tests, and for hosts with no service."""

from __future__ import annotations

import json
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

from medsched.errors import DecryptionError, KeyUnavailable, MissingExtra
from medsched.ports.keys import WrappedKey

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    raise MissingExtra("a file of master keys", "encryption") from None

_KEY: Final = 32
_NONCE: Final = 12


class LocalKeys:
    """A `KeyProvider` that wraps with AES-256-GCM, under keys that it was given or has in a file.

    The file is JSON, ``{"current": name, "keys": {name: base64 of 32 bytes}}``, readable by its
    owner only; on Windows that is for its folder to see to. It is written beside and put in its
    place as a whole, by one at a time. Whoever can read it can read all that its keys protect:
    keep it apart from the database and from its backups, and use a key service where there is one.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if any(len(key) != _KEY for key in keys.values()):
            raise KeyUnavailable(current, f"a key has {_KEY} bytes")
        self._keys = {name: AESGCM(key) for name, key in keys.items()}
        if current not in self._keys:
            raise KeyUnavailable(current, "not among the keys given")
        self._current = current

    @classmethod
    def generate(cls) -> Self:
        """One new key, kept nowhere: what it wraps is lost with this object."""
        name = uuid4().hex[:12]
        return cls({name: secrets.token_bytes(_KEY)}, name)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The keys of a file; `KeyUnavailable` if there is none, or if others may read it."""
        place = Path(path)
        try:
            if os.name == "posix" and place.stat().st_mode & 0o077:
                raise KeyUnavailable(place.name, "others may read the file: set its mode to 0600")
            found = json.loads(place.read_text("utf-8"))
            keys = {name: b64decode(key, validate=True) for name, key in found["keys"].items()}
            return cls(keys, found["current"])
        except OSError as error:
            raise KeyUnavailable(place.name, type(error).__name__) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise KeyUnavailable(place.name, "not a file of keys") from None

    @classmethod
    def create(cls, path: str | Path) -> Self:
        """A new file with one new key; `FileExistsError` where there is a file already.

        `KeyUnavailable` where another one is writing it, or died at that.
        """
        place = Path(path)
        if place.exists():
            raise FileExistsError(place.name)
        return cls._write(place, new=True)

    @classmethod
    def rotate(cls, path: str | Path) -> Self:
        """Add a new key to a file, and use it from now on; the older ones go on unwrapping.

        `KeyUnavailable` where another one is writing it, or died at that.
        """
        return cls._write(Path(path), new=False)

    @classmethod
    def _write(cls, path: Path, *, new: bool) -> Self:
        beside = path.with_name(path.name + ".new")
        try:
            opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            # Of two who add a key at once one would be lost, and all that it wrapped with it.
            why = "another one is writing it; if that died, remove this, which nobody has used"
            raise KeyUnavailable(beside.name, why) from None
        try:
            with open(opened, "w") as file:
                keys: dict[str, str] = {}
                if not new:
                    cls.read(path)
                    keys = json.loads(path.read_text("utf-8"))["keys"]
                name = uuid4().hex[:12]
                keys[name] = b64encode(secrets.token_bytes(_KEY)).decode("ascii")
                file.write(json.dumps({"current": name, "keys": keys}, indent=2) + "\n")
                file.flush()
                os.fsync(file.fileno())
            if new and path.exists():
                raise FileExistsError(path.name)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _keep_name(path)
        return cls.read(path)

    @property
    def current(self) -> str:
        return self._current

    def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._keys[self._current].encrypt(nonce, key, _bound(context))
        return WrappedKey(self._current, b64encode(sealed).decode("ascii"))

    def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        try:
            master = self._keys[wrapped.wrapped_by]
        except KeyError:
            # A wrong file is likelier than a key that was destroyed.
            why = "not among the keys of this file"
            raise KeyUnavailable(wrapped.wrapped_by, why) from None
        try:
            sealed = b64decode(wrapped.text, validate=True)
            return master.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(context))
        except (ValueError, InvalidTag):
            raise DecryptionError("a wrapped key") from None

    def __repr__(self) -> str:
        return f"<LocalKeys {', '.join(self._keys)}>"


def _keep_name(path: Path) -> None:
    """See to it that a file is found under its name after a power cut: POSIX only."""
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _bound(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()
