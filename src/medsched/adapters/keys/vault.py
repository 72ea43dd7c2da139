"""Master keys in HashiCorp Vault's transit engine, which they never leave."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from medsched.errors import DecryptionError, KeyDestroyed, KeyUnavailable, MissingExtra
from medsched.ports.keys import WrappedKey

try:
    import hvac
    from hvac.exceptions import InvalidRequest, VaultError
    from requests.exceptions import RequestException
except ImportError:
    raise MissingExtra("master keys in Vault", "vault") from None

_WAITS: Final = 5
_KEY: Final = 32
_GONE: Final = "encryption key not found"
"""What Vault says to decrypt by a key that is not there."""
_RETIRED: Final = "too old"
"""What it says of a version that may decrypt no more; it may be let to again."""


class VaultTransit:
    """A `KeyProvider` over one key of Vault's transit engine, of the type ``aes256-gcm96``.

    ``key`` is its name, ``mount`` where the engine is mounted. ``client`` is a client of hvac's,
    whose address, token and TLS are the host's; one that is made here reads ``VAULT_ADDR`` and
    ``VAULT_TOKEN``, and waits 5 seconds for an answer. ``derived``: the key was made so, and is
    given the context to derive another one from.

    The policy needs ``update`` on ``encrypt/<key>`` and ``decrypt/<key>`` and, for `rewrap`,
    ``read`` on ``keys/<key>``. Give no ``create``: Vault would make a key that it does not find.
    When Vault has rotated the key, `rewrap` wraps the data keys by its newest version.

    Raises `KeyUnavailable` for a Vault that is not reached, sealed, or denies it; `KeyDestroyed`
    for a key that is not there; `DecryptionError`.
    """

    def __init__(
        self, key: str, client: Any = None, *, mount: str = "transit", derived: bool = False
    ) -> None:
        self._key = key
        self._client = hvac.Client(timeout=_WAITS) if client is None else client
        self._mount = mount
        self._derived = derived

    @property
    def current(self) -> str:
        transit = self._client.secrets.transit
        answer = self._ask(transit.read_key, name=self._key)
        version = answer.get("latest_version")
        if not isinstance(version, int):
            raise KeyUnavailable(self._key, "no answer of Vault's")
        return f"{self._key}:v{version}"

    def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        transit, bound = self._client.secrets.transit, _bound(context)
        # A Vault that does not know associated data takes no notice of it, so the key is told
        # apart by what it says itself.
        plain = _text(key + sha256(bound).digest())
        text = self._ask(
            transit.encrypt_data, name=self._key, plaintext=plain, **self._binding(bound)
        ).get("ciphertext")
        if not isinstance(text, str) or text.count(":") != 2:
            raise KeyUnavailable(self._key, "no answer of Vault's")
        version = text.split(":")[1]
        return WrappedKey(f"{self._key}:{version}", text)

    def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        transit, bound = self._client.secrets.transit, _bound(context)
        name, _, version = wrapped.wrapped_by.rpartition(":")
        if not wrapped.text.startswith(f"vault:{version}:"):
            raise DecryptionError("a wrapped key")
        answer = self._ask(
            transit.decrypt_data, name=name, ciphertext=wrapped.text, **self._binding(bound)
        )
        try:
            plain = b64decode(answer["plaintext"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise KeyUnavailable(name, "no answer of Vault's") from None
        if not compare_digest(plain[_KEY:], sha256(bound).digest()):
            raise DecryptionError("a wrapped key")
        return plain[:_KEY]

    def _binding(self, bound: bytes) -> dict[str, str]:
        said = {"associated_data": _text(bound)}
        return said | {"context": _text(bound)} if self._derived else said

    def _ask(self, operation: Callable[..., Any], **said: Any) -> Any:
        """What Vault answers; its errors as this library's, without what was asked."""
        name = said["name"]
        try:
            found = operation(mount_point=self._mount, **said)["data"]
            if not isinstance(found, dict):
                raise TypeError
            return found
        except InvalidRequest as error:
            told = " ".join(map(str, error.errors or ())) or str(error)
            if _GONE in told:
                raise KeyDestroyed(f"the master key {name!r}") from None
            if _RETIRED in told:
                raise KeyUnavailable(name, "this version decrypts no more") from None
            if "ciphertext" in said:
                raise DecryptionError("a wrapped key") from None
            raise KeyUnavailable(name, type(error).__name__) from None
        except (VaultError, RequestException) as error:
            raise KeyUnavailable(name, type(error).__name__) from None
        except (KeyError, TypeError, ValueError):  # something else answers there
            raise KeyUnavailable(name, "no answer of Vault's") from None
        except Exception as error:  # whatever it is, nothing that it says is told
            raise KeyUnavailable(name, type(error).__name__) from None

    def __repr__(self) -> str:
        return f"<VaultTransit {self._mount}/{self._key}>"


def _bound(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()


def _text(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
