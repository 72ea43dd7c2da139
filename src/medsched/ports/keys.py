"""Where the keys come from that other keys are wrapped by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable


class WrappedKey(NamedTuple):
    """A key that only its `KeyProvider` can unwrap, and the name of the key that wrapped it."""

    wrapped_by: str
    text: str
    """ASCII, in the provider's own form; up to 1,000 characters."""


class KeyProvider(Protocol):
    """Wraps and unwraps data keys with master keys that never leave it.

    ``context`` says what a key is for; it is bound to the wrapped key (as associated data, as an
    encryption context), and `unwrap` must be given the same. Raises `KeyUnavailable` where the
    provider cannot be reached or refuses, `KeyDestroyed` where the master key is gone for good,
    `DecryptionError` where what is given was not wrapped so.
    """

    @property
    def current(self) -> str:
        """The name of the master key that `wrap` uses now."""
        ...

    def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        """A key of 32 bytes, wrapped by the current master key."""
        ...

    def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        """The key that was wrapped."""
        ...


@runtime_checkable
class DataKeys(Protocol):
    """The part of a store that seals a patient's data by a key of the patient's own.

    No other part of a store needs it.
    """

    def check_destroying(self) -> None:
        """Raise what `destroy_key` would raise before it does anything."""
        ...

    def destroy_key(self, practice: str, patient: str) -> bool:
        """Destroy the key of a patient for good; whether there was one.

        What it sealed is gone with it, and nothing of the patient's is sealed from now on:
        `KeyDestroyed`. Raises `KeysNotKept` where nothing is sealed, `KeyUnavailable` where not
        everything is as yet.
        """
        ...
