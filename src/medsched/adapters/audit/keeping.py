"""That a database keeps an audit, and under whose keys: HMAC-SHA-256 and Ed25519."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Final, NamedTuple

import attrs

from medsched.errors import DecryptionError, KeyUnavailable, MissingExtra
from medsched.ports.keys import KeyProvider, WrappedKey

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:
    raise MissingExtra("an audit in a database", "encryption") from None

MAC: Final = "mac"
SIGN: Final = "sign"
_USES: Final = {MAC: "audit-mac", SIGN: "audit-sign"}
_KEY: Final = 32


class KeptKey(NamedTuple):
    """A key of one practice's audit as a table keeps it."""

    purpose: str
    number: int
    wrapped_by: str
    wrapped: str
    public: str


@attrs.frozen(repr=False)
class Ed25519Keys:
    """The keys of one practice's audit: `medsched.ports.audit_log.AuditKeys`."""

    macs: Mapping[int, bytes]
    signers: Mapping[int, Ed25519PrivateKey]

    @property
    def signing(self) -> int:
        return max(self.signers)

    def sign(self, message: bytes) -> bytes:
        return self.signers[self.signing].sign(message)

    def is_signed(self, key: int, message: bytes, signature: bytes) -> bool:
        if key not in self.signers:
            return False
        try:
            self.signers[key].public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True


class AuditKeeping:
    """Told to a store, it keeps an audit: ``SqlAlchemyStore(url, audit=AuditKeeping(keys))``.

    Each practice gets two keys when it first needs them, one for MACs and one that signs. They are
    wrapped by the ``keys`` of the host and kept in ``medsched_audit_key``; unwrapped they are kept
    in this object only. Make one and share it among the stores of a process: a key is then
    unwrapped once.

    Where the ``keys`` cannot be had, nothing is written: `KeyUnavailable`.
    """

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys
        self._lock = Lock()
        self._unwrapped: dict[tuple[str, KeptKey], bytes] = {}

    def new(self, practice: str) -> tuple[KeptKey, ...]:
        """New first keys for a practice, one of each kind."""
        secret, signer = secrets.token_bytes(_KEY), Ed25519PrivateKey.generate()
        public = b64encode(signer.public_key().public_bytes_raw()).decode("ascii")
        return (
            self._kept(practice, MAC, secret, ""),
            self._kept(practice, SIGN, signer.private_bytes_raw(), public),
        )

    def _kept(self, practice: str, purpose: str, secret: bytes, public: str) -> KeptKey:
        wrapped = self._keys.wrap(secret, context(practice, purpose))
        return KeptKey(purpose, 1, wrapped.wrapped_by, wrapped.text, public)

    def open(self, practice: str, kept: Iterable[KeptKey]) -> Ed25519Keys:
        """The keys of a practice, unwrapped; `KeyUnavailable` without one of each kind."""
        macs, signers = dict[int, bytes](), dict[int, Ed25519PrivateKey]()
        for one in kept:
            secret = self._unwrap(practice, one)
            if one.purpose == MAC:
                macs[one.number] = secret
            elif one.purpose == SIGN:
                signers[one.number] = Ed25519PrivateKey.from_private_bytes(secret)
        if not macs or not signers:
            raise KeyUnavailable(f"audit of {practice}", "it has none yet")
        return Ed25519Keys(macs, signers)

    def _unwrap(self, practice: str, one: KeptKey) -> bytes:
        with self._lock:
            known = self._unwrapped.get((practice, one))
        if known is None:
            known = self._provider(practice, one)
            with self._lock:
                self._unwrapped[practice, one] = known
        return known

    def _provider(self, practice: str, one: KeptKey) -> bytes:
        wrapped = WrappedKey(one.wrapped_by, one.wrapped)
        found = self._keys.unwrap(wrapped, context(practice, one.purpose))
        if len(found) != _KEY:
            raise DecryptionError("a key of the audit")
        return found

    def rewrapped(self, practice: str, one: KeptKey) -> KeptKey | None:
        """The key under the master key of today; None if it is already."""
        if one.wrapped_by == self._keys.current:
            return None
        wrapped = self._keys.wrap(self._unwrap(practice, one), context(practice, one.purpose))
        return one._replace(wrapped_by=wrapped.wrapped_by, wrapped=wrapped.text)

    def __repr__(self) -> str:
        return "<AuditKeeping>"


def context(practice: str, purpose: str) -> Mapping[str, str]:
    """What a key is for, as the `KeyProvider` is told."""
    return {"use": _USES[purpose], "practice": practice}
