"""That a database keeps an audit, and under whose keys: HMAC-SHA-256 and Ed25519."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from hmac import compare_digest
from importlib import import_module
from threading import Lock
from typing import Final, NamedTuple

from medsched.errors import DecryptionError, KeyUnavailable
from medsched.ports.audit_log import AuditKeys
from medsched.ports.keys import KeyProvider, WrappedKey

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


class AuditKeeping:
    """Told to a store, it keeps an audit: ``SqlAlchemyStore(url, audit=AuditKeeping(keys))``.

    Each practice gets two keys when it first needs them, one for MACs and one that signs. They are
    wrapped by the ``keys`` of the host and kept in ``medsched_audit_key``; unwrapped they are kept
    in this object only. Make one and share it among the stores of a process: a key is then
    unwrapped once.

    Where the ``keys`` cannot be had, nothing is written: `KeyUnavailable`. Needs the extra
    ``encryption``, or else raises `MissingExtra`.
    """

    def __init__(self, keys: KeyProvider) -> None:
        import_module("medsched.adapters.audit.ed25519")  # told now rather than at the first write
        self._keys = keys
        self._lock = Lock()
        self._unwrapped: dict[tuple[str, KeptKey], bytes] = {}

    def new(self, practice: str) -> tuple[KeptKey, ...]:
        """New first keys for a practice, one of each kind."""
        from medsched.adapters.audit.ed25519 import new_signer

        signer, public = new_signer()
        return (
            self._kept(practice, MAC, secrets.token_bytes(_KEY), ""),
            self._kept(practice, SIGN, signer, public),
        )

    def _kept(self, practice: str, purpose: str, secret: bytes, public: str) -> KeptKey:
        wrapped = self._wrapped(practice, purpose, secret)
        return KeptKey(purpose, 1, wrapped.wrapped_by, wrapped.text, public)

    def _wrapped(self, practice: str, purpose: str, secret: bytes) -> WrappedKey:
        """A key, wrapped, once it is sure that it comes out again."""
        for_what = context(practice, purpose)
        wrapped = self._keys.wrap(secret, for_what)
        try:
            found = self._keys.unwrap(wrapped, for_what)
        except DecryptionError:
            found = b""
        if not compare_digest(found, secret):
            raise KeyUnavailable(f"audit of {practice}", "what was wrapped does not come out again")
        return wrapped

    def open(self, practice: str, kept: Iterable[KeptKey]) -> AuditKeys:
        """The keys of a practice, unwrapped; `KeyUnavailable` without one of each kind."""
        from medsched.adapters.audit.ed25519 import Ed25519Keys

        found: dict[str, dict[int, bytes]] = {purpose: {} for purpose in _USES}
        public = dict[int, str]()
        for one in kept:
            if one.purpose not in found or type(one.number) is not int:
                raise DecryptionError("a key of the audit")
            found[one.purpose][one.number] = self._unwrap(practice, one)
            if one.purpose == SIGN:
                public[one.number] = one.public
        if not all(found.values()):
            raise KeyUnavailable(f"audit of {practice}", "it has none yet")
        return Ed25519Keys.of(found[MAC], found[SIGN], public)

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
        wrapped = self._wrapped(practice, one.purpose, self._unwrap(practice, one))
        return one._replace(wrapped_by=wrapped.wrapped_by, wrapped=wrapped.text)

    def __repr__(self) -> str:
        return "<AuditKeeping>"


def context(practice: str, purpose: str) -> Mapping[str, str]:
    """What a key is for, as the `KeyProvider` is told."""
    return {"use": _USES[purpose], "practice": practice}
