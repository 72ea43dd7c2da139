"""Checkpoints signed by Ed25519."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Mapping
from typing import Self

import attrs

from medsched.errors import MissingExtra

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError:
    raise MissingExtra("an audit in a database", "encryption") from None


def new_signer() -> tuple[bytes, str]:
    """A new key that signs, and its public half in base64."""
    signer = Ed25519PrivateKey.generate()
    return signer.private_bytes_raw(), _public(signer)


def _public(signer: Ed25519PrivateKey) -> str:
    return b64encode(signer.public_key().public_bytes_raw()).decode("ascii")


@attrs.frozen(repr=False)
class Ed25519Keys:
    """The keys of one practice's audit: `medsched.ports.audit_log.AuditKeys`."""

    macs: Mapping[int, bytes]
    signers: Mapping[int, Ed25519PrivateKey]
    altered: Collection[int] = ()

    @classmethod
    def of(
        cls, macs: Mapping[int, bytes], signers: Mapping[int, bytes], public: Mapping[int, str]
    ) -> Self:
        """The keys that are these bytes; ``public`` is what is kept as their public halves."""
        made = {at: Ed25519PrivateKey.from_private_bytes(one) for at, one in signers.items()}
        altered = tuple(at for at, one in made.items() if public.get(at) != _public(one))
        return cls(macs, made, altered)

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
