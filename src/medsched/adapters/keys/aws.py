"""Master keys in AWS KMS, which they never leave."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any, Final

from medsched.errors import DecryptionError, KeyDestroyed, KeyUnavailable, MissingExtra
from medsched.ports.keys import WrappedKey

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    raise MissingExtra("master keys in AWS KMS", "aws") from None

_GONE: Final = frozenset({"NotFoundException", "DisabledException", "KMSInvalidStateException"})
"""What KMS says of a key that is not there, is disabled, or waits to be deleted."""
_BROKEN: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_CONNECT: Final = 2
_READ: Final = 5
_TRIES: Final = 3


class AwsKms:
    """A `KeyProvider` over one symmetric key of AWS KMS.

    ``key_id`` is the key's ARN, or its id or an alias in the client's own account: what is wrapped
    stays readable however KMS rotates the key's material, so `rewrap` is wanted only where another
    key takes its place; the older one must be allowed to decrypt until then. ``client`` is a KMS
    client of boto3's, whose region, credentials and endpoint are the host's. One that is made here
    connects within 2 seconds, waits 5 for an answer, and tries 3 times.

    The context of a data key, and so the ids of practice and patient, is KMS's encryption context,
    which CloudTrail records in plain text. Use ids that say nothing, as everywhere.

    Raises `KeyUnavailable` for what KMS denies, throttles, or does not answer; `KeyDestroyed` for
    a key that is not there, is disabled or waits to be deleted; `DecryptionError`.
    """

    def __init__(self, key_id: str, client: Any = None) -> None:
        self._key_id = key_id
        if client is None:
            patience = Config(
                connect_timeout=_CONNECT,
                read_timeout=_READ,
                retries={"total_max_attempts": _TRIES, "mode": "standard"},
            )
            try:
                client = boto3.client("kms", config=patience)
            except BotoCoreError as error:  # no region, say
                raise KeyUnavailable(key_id, type(error).__name__) from None
        self._client = client

    @property
    def current(self) -> str:
        return self._key_id

    def wrap(self, key: bytes, context: Mapping[str, str]) -> WrappedKey:
        answer = self._ask(
            self._client.encrypt,
            self._key_id,
            KeyId=self._key_id,
            Plaintext=key,
            EncryptionContext=dict(context),
        )
        try:
            text = b64encode(answer["CiphertextBlob"]).decode("ascii")
        except (KeyError, TypeError):
            raise KeyUnavailable(self._key_id, "no answer of KMS's") from None
        return WrappedKey(self._key_id, text)

    def unwrap(self, wrapped: WrappedKey, context: Mapping[str, str]) -> bytes:
        try:
            blob = b64decode(wrapped.text, validate=True)
        except ValueError:
            raise DecryptionError("a wrapped key") from None
        answer = self._ask(
            self._client.decrypt,
            wrapped.wrapped_by,
            KeyId=wrapped.wrapped_by,  # or KMS would take any key that the caller may use
            CiphertextBlob=blob,
            EncryptionContext=dict(context),
        )
        try:
            return memoryview(answer["Plaintext"]).tobytes()
        except (KeyError, TypeError):
            raise KeyUnavailable(wrapped.wrapped_by, "no answer of KMS's") from None

    def _ask(self, operation: Any, key: str, **said: Any) -> Any:
        """What KMS answers; its errors as this library's, without what was asked."""
        try:
            return operation(**said)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
        except Exception as error:  # whatever it is, nothing that it says is told
            code = type(error).__name__
        if code in _GONE:
            raise KeyDestroyed(f"the master key {key!r}")
        if code in _BROKEN:
            raise DecryptionError("a wrapped key")
        raise KeyUnavailable(key, code)

    def __repr__(self) -> str:
        return f"<AwsKms {self._key_id}>"
