"""Looking patients up by what is theirs: which texts are taken for the same."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Final, Self

import attrs

from medsched.domain.fields import LONGEST_NAME, check_characters
from medsched.domain.people import Patient
from medsched.errors import InvalidChoice, InvalidText

LOOKUPS: Final = frozenset({"name", "email", "phone", "birth_date", "insurance_number"})
"""The fields of a patient that can be looked for."""
SHORTEST_PREFIX: Final = 2
"""How many characters of a word an index can look for at least."""
_BETWEEN_WORDS: Final = re.compile(r"[\s\-‐‑]+")


def normalised(text: str) -> str:
    """A text without what people do not mean to tell apart: case, width, spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, normalised; hyphens part them, too."""
    return tuple(filter(None, _BETWEEN_WORDS.split(normalised(name))))


def comparable(field: str, value: object) -> str:
    """What two values of a field are compared by; empty for a value that says nothing."""
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str):
        return ""
    if field == "phone":
        return "".join(one for one in normalised(value) if one.isdecimal())
    return normalised(value)


@attrs.frozen
class Sought:
    """A value that is looked for in a field of patients: see `Sought.matches`."""

    field: str
    text: str = attrs.field(repr=False)
    """What it is compared by: see `comparable`."""

    @classmethod
    def of(cls, field: str, value: object) -> Self:
        """A value as it was asked for.

        `InvalidText`, without the text, for one that is too long or in which nothing is left to
        look for; `InvalidChoice` for a birth date that is no date.
        """
        if field == "birth_date":
            if type(value) is not date:
                raise InvalidChoice(field, type(value).__name__, "a calendar date is needed")
        elif not isinstance(value, str):
            raise InvalidText(field, type(value).__name__, "a text is needed")
        elif len(value) > LONGEST_NAME:
            raise InvalidText(field, len(value), f"longer than {LONGEST_NAME} characters")
        else:
            check_characters(value, field)
        text = comparable(field, value)
        if not text or (field == "name" and not words_of(text)):
            size = len(value) if isinstance(value, str) else type(value).__name__
            raise InvalidText(field, size, "nothing in it to look for")
        return cls(field, text)

    def matches(self, held: object) -> bool:
        """Whether what a patient holds in the field is what is looked for.

        Of a name, each word must be the beginning of one of the patient's; of anything else, all
        must be the same.
        """
        if self.field != "name":
            return comparable(self.field, held) == self.text
        words = words_of(held) if isinstance(held, str) else ()
        return all(any(one.startswith(part) for one in words) for part in words_of(self.text))


def prefixes(word: str, longest: int) -> list[str]:
    """The beginnings of a word that an index finds it by, the shortest first."""
    return [word[:size] for size in range(SHORTEST_PREFIX, min(len(word), longest) + 1)]


def terms_of(patient: Patient, longest: int) -> list[tuple[str, str]]:
    """What an index finds a patient by: fields, and what their values are compared by.

    ``longest``: how many characters of each word of the name at most; 0 leaves names out.
    """
    found = {(field, comparable(field, getattr(patient, field))) for field in LOOKUPS - {"name"}}
    for word in words_of(patient.name) if longest else ():
        found.update(("name", part) for part in prefixes(word, longest))
    return sorted(term for term in found if term[1])


def asked_of(sought: Sought, longest: int) -> list[tuple[str, str]]:
    """What an index is asked for: every one must be found; empty where it cannot help."""
    if sought.field != "name":
        return [(sought.field, sought.text)]
    parts = (word[:longest] for word in words_of(sought.text))
    return sorted({("name", part) for part in parts if len(part) >= SHORTEST_PREFIX})
