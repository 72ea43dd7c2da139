"""The providers of master keys: a file, AWS KMS, and Vault."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography", reason="the extra encryption is not installed")

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from medsched.adapters.keys.local import LocalKeys
from medsched.errors import DecryptionError, KeyDestroyed, KeyUnavailable
from medsched.ports.keys import KeyProvider, WrappedKey
from medsched.testing.contracts import KeyProviderContract

CONTEXT = {"practice": "riverside", "subject": "ada"}
KEY = bytes(32)


class TestLocalKeys(KeyProviderContract):
    @pytest.fixture
    def keys(self, tmp_path: Path) -> KeyProvider:
        return LocalKeys.create(tmp_path / "keys.json")


class TestAFile:
    def test_it_is_the_owner_s_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.json"
        LocalKeys.create(path)
        LocalKeys.rotate(path)
        if os.name == "posix":
            assert path.stat().st_mode & 0o777 == 0o600
            path.chmod(0o640)
            with pytest.raises(KeyUnavailable, match="0600"):
                LocalKeys.read(path)

    def test_there_is_one_already(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.json"
        first = LocalKeys.create(path)
        with pytest.raises(FileExistsError):
            LocalKeys.create(path)
        assert LocalKeys.read(path).current == first.current

    def test_older_keys_go_on_unwrapping(self, tmp_path: Path) -> None:
        path = tmp_path / "keys.json"
        wrapped = LocalKeys.create(path).wrap(KEY, CONTEXT)
        second = LocalKeys.rotate(path)
        assert second.current != wrapped.wrapped_by
        assert second.unwrap(wrapped, CONTEXT) == KEY
        assert LocalKeys.read(path).unwrap(second.wrap(KEY, CONTEXT), CONTEXT) == KEY

    def test_one_at_a_time_writes_it(self, tmp_path: Path) -> None:
        """Of two who read the same keys and add one each, one key would be lost."""
        path = tmp_path / "keys.json"
        first = LocalKeys.create(path)
        beside = tmp_path / "keys.json.new"
        beside.write_text("half of a file")
        with pytest.raises(KeyUnavailable, match="remove"):
            LocalKeys.rotate(path)
        assert LocalKeys.read(path).current == first.current
        beside.unlink()
        assert LocalKeys.rotate(path).current != first.current
        assert not beside.exists()

    def test_one_who_fails_leaves_it_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "keys.json"
        first = LocalKeys.create(path)

        def full(_: int) -> None:
            raise OSError("no space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(OSError, match="space"):
                LocalKeys.rotate(path)
        assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]
        assert LocalKeys.read(path).current == first.current

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{}",
            '{"current": "a", "keys": {}}',
            '{"current": "a", "keys": {"a": "AAAA"}}',
            '{"current": "a", "keys": {"a": 5}}',
            '{"current": "a", "keys": []}',
            f'{{"current": ["a"], "keys": {{"a": "{b64encode(KEY).decode()}"}}}}',
        ],
    )
    def test_what_is_no_file_of_keys(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "keys.json"
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(KeyUnavailable):
            LocalKeys.read(path)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(KeyUnavailable, match="FileNotFoundError"):
            LocalKeys.read(tmp_path / "none.json")

    def test_a_key_that_was_taken_out_is_gone(self, tmp_path: Path) -> None:
        wrapped = LocalKeys.generate().wrap(KEY, CONTEXT)
        with pytest.raises(KeyUnavailable, match="not among"):
            LocalKeys.generate().unwrap(wrapped, CONTEXT)


# ------------------------------------------------------------------------------- AWS


class TestAwsKms(KeyProviderContract):
    """Over a client that does what KMS documents, and stubs for what it refuses."""

    @pytest.fixture
    def client(self) -> Any:
        boto3 = pytest.importorskip("boto3", reason="the extra aws is not installed")
        return boto3.client(
            "kms", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )

    @pytest.fixture
    def keys(self, client: Any, monkeypatch: pytest.MonkeyPatch) -> KeyProvider:
        from botocore.exceptions import ClientError

        from medsched.adapters.keys.aws import AwsKms

        master, name = AESGCM(bytes(range(32))), "alias/medsched"

        def refuse(code: str, operation: str) -> Any:
            return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)

        def answer(self: Any, operation: str, said: Any) -> Any:
            bound = json.dumps(said["EncryptionContext"], sort_keys=True).encode()
            if said["KeyId"] != name:
                raise refuse("NotFoundException", operation)
            if operation == "Encrypt":
                nonce = os.urandom(12)
                blob = nonce + master.encrypt(nonce, said["Plaintext"], bound)
                return {"CiphertextBlob": blob, "KeyId": name}
            blob = said["CiphertextBlob"]
            try:
                return {"Plaintext": master.decrypt(blob[:12], blob[12:], bound), "KeyId": name}
            except Exception:
                raise refuse("InvalidCiphertextException", operation) from None

        monkeypatch.setattr(type(client), "_make_api_call", answer)
        return AwsKms(name, client)

    def test_what_is_asked_of_kms(self, client: Any) -> None:
        from botocore.stub import Stubber

        from medsched.adapters.keys.aws import AwsKms

        with Stubber(client) as stub:
            stub.add_response(
                "encrypt",
                {"CiphertextBlob": b"sealed", "KeyId": "arn:1"},
                {"KeyId": "arn:1", "Plaintext": KEY, "EncryptionContext": CONTEXT},
            )
            stub.add_response(
                "decrypt",
                {"Plaintext": KEY, "KeyId": "arn:1"},
                {"KeyId": "arn:1", "CiphertextBlob": b"sealed", "EncryptionContext": CONTEXT},
            )
            keys = AwsKms("arn:1", client)
            wrapped = keys.wrap(KEY, CONTEXT)
            assert wrapped == WrappedKey("arn:1", b64encode(b"sealed").decode())
            assert keys.unwrap(wrapped, CONTEXT) == KEY
            stub.assert_no_pending_responses()

    @pytest.mark.parametrize(
        "code, error",
        [
            ("NotFoundException", KeyDestroyed),
            ("KMSInvalidStateException", KeyDestroyed),
            ("InvalidCiphertextException", DecryptionError),
            ("IncorrectKeyException", DecryptionError),
            ("AccessDeniedException", KeyUnavailable),
            ("ThrottlingException", KeyUnavailable),
            ("DisabledException", KeyDestroyed),
            ("KeyUnavailableException", KeyUnavailable),
            ("DependencyTimeoutException", KeyUnavailable),
            ("KMSInternalException", KeyUnavailable),
            ("ExpiredTokenException", KeyUnavailable),
        ],
    )
    def test_what_it_refuses(self, client: Any, code: str, error: type[Exception]) -> None:
        from botocore.stub import Stubber

        from medsched.adapters.keys.aws import AwsKms

        with Stubber(client) as stub:
            stub.add_client_error("decrypt", code, "ada is in the message")
            with pytest.raises(error) as caught:
                AwsKms("arn:1", client).unwrap(WrappedKey("arn:1", "AAAA"), CONTEXT)
        assert "ada" not in repr(caught.value) + str(caught.value)
        assert caught.value.__cause__ is None

    def test_an_endpoint_that_does_not_answer(self) -> None:
        boto3 = pytest.importorskip("boto3", reason="the extra aws is not installed")
        from botocore.config import Config

        from medsched.adapters.keys.aws import AwsKms

        client = boto3.client(
            "kms",
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            endpoint_url="http://127.0.0.1:9",
            config=Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}),
        )
        with pytest.raises(KeyUnavailable, match="EndpointConnectionError"):
            AwsKms("arn:1", client).wrap(KEY, CONTEXT)


# ----------------------------------------------------------------------------- Vault


class TestVaultTransit(KeyProviderContract):
    @pytest.fixture
    def vault(self) -> Iterator[Any]:
        pytest.importorskip("hvac", reason="the extra vault is not installed")
        from tests.sealing.vaults import serving

        with serving() as vault:
            yield vault

    @pytest.fixture
    def keys(self, vault: Any) -> KeyProvider:
        return self.provider(vault)

    def provider(self, vault: Any, name: str = "medsched", **options: Any) -> KeyProvider:
        import hvac
        from tests.sealing.vaults import TOKEN

        from medsched.adapters.keys.vault import VaultTransit

        client = hvac.Client(url=vault.url, token=options.pop("token", TOKEN), timeout=2)
        return VaultTransit(name, client, **options)

    def test_a_key_that_vault_has_rotated(self, vault: Any, keys: KeyProvider) -> None:
        wrapped = keys.wrap(KEY, CONTEXT)
        assert wrapped.wrapped_by == keys.current == "medsched:v1"
        vault.rotate("medsched")
        assert keys.current == "medsched:v2"
        assert keys.unwrap(wrapped, CONTEXT) == KEY
        assert keys.wrap(KEY, CONTEXT).wrapped_by == "medsched:v2"
        vault.least["medsched"] = 2
        with pytest.raises(KeyUnavailable, match="no more"):
            keys.unwrap(wrapped, CONTEXT)

    def test_a_key_that_is_not_there(self, vault: Any, keys: KeyProvider) -> None:
        wrapped = keys.wrap(KEY, CONTEXT)
        vault.keys.clear()
        with pytest.raises(KeyDestroyed):
            keys.unwrap(wrapped, CONTEXT)
        with pytest.raises(KeyDestroyed):
            keys.wrap(KEY, CONTEXT)

    @pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
    def test_what_it_refuses(self, vault: Any, keys: KeyProvider, status: int) -> None:
        wrapped = keys.wrap(KEY, CONTEXT)
        vault.status = status
        for ask in (
            lambda: keys.unwrap(wrapped, CONTEXT),
            lambda: keys.wrap(KEY, CONTEXT),
            lambda: keys.current,
        ):
            with pytest.raises(KeyUnavailable) as caught:
                ask()
            assert "ada" not in repr(caught.value)

    def test_another_token(self, vault: Any) -> None:
        with pytest.raises(KeyUnavailable, match="Forbidden"):
            self.provider(vault, token="another").wrap(KEY, CONTEXT)

    @pytest.mark.parametrize(
        "says",
        [
            b"",
            b"[]",
            b"{}",
            b"<html>",
            b'{"data": null}',
            b'{"data": {}}',
            b'{"data": {"ciphertext": "x", "plaintext": "*"}}',
        ],
    )
    def test_something_else_that_answers(self, vault: Any, keys: KeyProvider, says: bytes) -> None:
        wrapped = keys.wrap(KEY, CONTEXT)
        vault.says = says
        with pytest.raises(KeyUnavailable):
            keys.unwrap(wrapped, CONTEXT)
        with pytest.raises(KeyUnavailable):
            keys.wrap(KEY, CONTEXT)

    def test_a_vault_that_takes_no_notice_of_what_is_bound(
        self, vault: Any, keys: KeyProvider
    ) -> None:
        vault.ignores_associated_data = True
        wrapped = keys.wrap(KEY, CONTEXT)
        assert keys.unwrap(wrapped, CONTEXT) == KEY
        with pytest.raises(DecryptionError):
            keys.unwrap(wrapped, CONTEXT | {"subject": "bob"})

    def test_nobody_there(self, vault: Any) -> None:
        vault.url = "http://127.0.0.1:9"
        with pytest.raises(KeyUnavailable, match="ConnectionError"):
            self.provider(vault).wrap(KEY, CONTEXT)
