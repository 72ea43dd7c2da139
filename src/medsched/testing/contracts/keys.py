"""What every key provider promises."""

from __future__ import annotations

from typing import Final

import pytest

from medsched.errors import DecryptionError, KeyDestroyed, KeyUnavailable
from medsched.ports.keys import KeyProvider, WrappedKey

_KEY: Final = bytes(range(32))
_CONTEXT: Final = {
    "practice": "riverside",
    "subject_kind": "patient",
    "subject": "ehr-4711 Ä😀",
    "number": "1",
}
_LONGEST: Final = 1000


class KeyProviderContract:
    """All that `medsched.ports.keys.KeyProvider` promises: derive a test class, give ``keys``."""

    @pytest.fixture
    def keys(self) -> KeyProvider:
        """The provider under test; to be overridden."""
        raise NotImplementedError("give the fixture `keys` a provider to test")

    def test_what_is_wrapped_is_unwrapped(self, keys: KeyProvider) -> None:
        for key in (_KEY, bytes(32), b"\xff" * 32):
            assert keys.unwrap(keys.wrap(key, _CONTEXT), _CONTEXT) == key

    def test_the_order_of_a_context_says_nothing(self, keys: KeyProvider) -> None:
        backwards = dict(reversed(_CONTEXT.items()))
        assert keys.unwrap(keys.wrap(_KEY, _CONTEXT), backwards) == _KEY

    def test_it_says_which_key_has_wrapped(self, keys: KeyProvider) -> None:
        wrapped = keys.wrap(_KEY, _CONTEXT)
        assert wrapped.wrapped_by == keys.current
        assert 0 < len(wrapped.wrapped_by) <= 255

    def test_it_is_text_that_a_table_holds(self, keys: KeyProvider) -> None:
        wrapped = keys.wrap(_KEY, _CONTEXT)
        assert wrapped.text.isascii()
        assert wrapped.text.isprintable()
        assert 0 < len(wrapped.text) <= _LONGEST

    def test_the_key_is_not_in_it(self, keys: KeyProvider) -> None:
        from base64 import b64encode

        key = b"medsched" * 4
        text = keys.wrap(key, _CONTEXT).text
        assert b64encode(key).decode()[:20] not in text
        assert key.hex()[:20] not in text

    def test_the_same_key_is_never_wrapped_alike(self, keys: KeyProvider) -> None:
        assert len({keys.wrap(_KEY, _CONTEXT).text for _ in range(3)}) == 3

    @pytest.mark.parametrize("name", sorted(_CONTEXT))
    def test_it_opens_in_no_other_context(self, keys: KeyProvider, name: str) -> None:
        wrapped = keys.wrap(_KEY, _CONTEXT)
        less = {other: value for other, value in _CONTEXT.items() if other != name}
        for context in (_CONTEXT | {name: "x"}, less, {**_CONTEXT, "more": "x"}, {}):
            with pytest.raises(DecryptionError):
                keys.unwrap(wrapped, context)

    def test_nothing_else_is_taken_for_a_wrapped_key(self, keys: KeyProvider) -> None:
        wrapped = keys.wrap(_KEY, _CONTEXT)
        text = wrapped.text
        middle = len(text) // 2
        other = "B" if text[middle] == "A" else "A"
        for bad in ("", "x", text[:-8], text[:middle] + other + text[middle + 1 :]):
            with pytest.raises(DecryptionError):
                keys.unwrap(WrappedKey(wrapped.wrapped_by, bad), _CONTEXT)

    def test_a_master_key_that_is_not_there_says_so(self, keys: KeyProvider) -> None:
        wrapped = keys.wrap(_KEY, _CONTEXT)
        with pytest.raises((KeyDestroyed, KeyUnavailable, DecryptionError)):
            keys.unwrap(WrappedKey("no such key", wrapped.text), _CONTEXT)

    def test_it_shows_nothing(self, keys: KeyProvider) -> None:
        wrapped = keys.wrap(_KEY, _CONTEXT)
        assert repr(_KEY)[2:-1] not in repr(keys)
        with pytest.raises(DecryptionError) as caught:
            keys.unwrap(wrapped, {"subject": "canary"})
        assert "canary" not in str(caught.value) + repr(caught.value)
        assert wrapped.text not in str(caught.value)
