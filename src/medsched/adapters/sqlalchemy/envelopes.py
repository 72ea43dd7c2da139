"""Sealed texts: AES-256-GCM, bound to the place where each stands.

An envelope is ``1.<number of the key>.<base64 of nonce, ciphertext and tag>``. What is sealed is
padded, so that its length tells little. Whatever is changed in an envelope, or in where it stands,
makes it unreadable.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from typing import Final

from medsched.errors import MissingExtra

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    raise MissingExtra("encryption at rest", "encryption") from None

KEY_SIZE: Final = 32
_NONCE: Final = 12
_TAG: Final = 16
_PAD: Final = 32
_FORM: Final = "1"


class Broken(Exception):
    """An envelope that was changed, cut short, or stands elsewhere."""


class SecretKey:
    """A key in the clear, which shows itself to nobody."""

    __slots__ = ("_cipher", "_raw")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != KEY_SIZE:
            raise Broken
        self._raw = raw
        self._cipher = AESGCM(raw)

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        return self._raw

    def seal(self, number: int, text: bytes, bound: bytes) -> str:
        """A text under this key, which is its subject's ``number``-th, ``bound`` to its place."""
        nonce = secrets.token_bytes(_NONCE)
        padded = text + b" " * (-len(text) % _PAD)
        sealed = nonce + self._cipher.encrypt(nonce, padded, bound)
        return f"{_FORM}.{number}.{b64encode(sealed).decode('ascii')}"

    def open(self, envelope: str, bound: bytes) -> bytes:
        """What an envelope holds, padding included; `Broken`."""
        text = envelope.rpartition(".")[2]
        try:
            sealed = b64decode(text, validate=True)
            # Some bits of the last letter count for nothing: there is one way to write it.
            if len(sealed) < _NONCE + _TAG or b64encode(sealed).decode("ascii") != text:
                raise Broken
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
        except (ValueError, InvalidTag):
            raise Broken from None

    def __repr__(self) -> str:
        return "<SecretKey>"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")


def number_of(envelope: object) -> int:
    """The number of the key that an envelope was sealed by; `Broken` for what is no envelope."""
    if isinstance(envelope, str):
        form, _, rest = envelope.partition(".")
        digits = rest.partition(".")[0]
        if form == _FORM and len(digits) < 10 and digits.isascii() and digits.isdigit():
            number = int(digits)
            if number and str(number) == digits:
                return number
    raise Broken


def generate() -> bytes:
    """A new key."""
    return secrets.token_bytes(KEY_SIZE)
