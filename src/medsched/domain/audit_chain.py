"""The chain that sealed audit entries hang in, and what is signed of it.

Each link is HMAC-SHA-256 over the link before, its number, the id and MAC of an entry and the time
it was recorded at. Whoever lacks the key can neither change nor leave out, insert or reorder
links; that the end is not cut off, a signed checkpoint kept elsewhere tells.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple, Self

import attrs

from medsched.domain.audit_rows import AuditRow, keyed_digest, microseconds, moment
from medsched.domain.bookings import instant
from medsched.domain.fields import Choice, an_id
from medsched.errors import InvalidChoice

_LINK: Final = "medsched audit link 1"
_CHECKPOINT: Final = "medsched audit checkpoint 1"
_ANCHOR: Final = "medsched audit anchor 1"
START: Final = ""
"""The digest that the first link follows."""
SIX_YEARS: Final = timedelta(days=6 * 365 + 2)
"""How long entries are kept at least: 45 CFR 164.316(b)(2)(i), with the most leap days."""
LONGEST: Final = timedelta(days=36_525)
"""How long they are kept at most: a hundred years."""
_NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_PLAIN: Final = (str, int, float, type(None))


class ChainedRow(NamedTuple):
    """One link of the chain of a practice, and its entry; None where that is missing.

    Numbers begin at 1 and have no gaps. ``mac_key`` is the number of the key of the link.
    """

    number: int
    mac_key: int
    digest: str
    entry: str
    row: AuditRow | None

    @property
    def is_plain(self) -> bool:
        """Whether it has the types that it is written with, but for what is in the entry."""
        return (
            type(self.number) is type(self.mac_key) is int
            and isinstance(self.digest, str)
            and isinstance(self.entry, str)
            and (self.row is None or all(isinstance(one, _PLAIN) for one in self.row))
        )

    def follows(self, practice: str, before: str, secret: bytes) -> bool:
        """Whether the link is the one that follows this digest."""
        if self.row is None or self.row.id != self.entry:
            return False
        row = self.row
        try:
            made = link(practice, before, self.number, row.id, row.mac, row.recorded_at, secret)
        except (TypeError, ValueError):
            return False
        return made == self.digest


def link(
    practice: str, before: str, number: int, entry: str, mac: str, recorded_at: int, secret: bytes
) -> str:
    """The digest of the link after ``before``, in hexadecimal digits."""
    return keyed_digest(secret, [_LINK, practice, number, before, entry, mac, recorded_at])


@attrs.frozen(kw_only=True)
class Checkpoint:
    """How far the chain of a practice went at a moment, signed.

    ``number`` is that of the last link, and so how many there were; ``digest`` is that link's.
    ``at`` is an aware UTC instant, ``key`` the number of the key that signed.
    """

    practice: str = attrs.field(validator=an_id)
    number: int
    digest: str
    at: datetime = attrs.field(converter=instant)
    key: int
    signature: bytes = b""
    _signed_as: ClassVar[str] = _CHECKPOINT

    @property
    def message(self) -> bytes:
        """What is signed."""
        parts = [self._signed_as, self.practice, self.number, self.digest]
        parts += [microseconds(self.at), self.key]
        whole = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return whole.encode("utf-8", "surrogatepass")

    def to_json(self) -> str:
        """The checkpoint as one line of JSON."""
        return json.dumps(
            {
                "practice": self.practice,
                "number": self.number,
                "digest": self.digest,
                "at": microseconds(self.at),
                "key": self.key,
                "signature": b64encode(self.signature).decode("ascii"),
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The checkpoint that `to_json` wrote; `InvalidChoice` for what is none."""
        try:
            found = json.loads(text)
            return cls(
                practice=str(found["practice"]),
                number=int(found["number"]),
                digest=str(found["digest"]),
                at=moment(int(found["at"])),
                key=int(found["key"]),
                signature=b64decode(found["signature"], validate=True),
            )
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise InvalidChoice("checkpoint", "…", "not a checkpoint of an audit") from None

    @classmethod
    def kept(cls, text: str, practice: str, number: int = 0) -> Self:
        """What `to_json` wrote; where it cannot be read, one of this number that nobody signed."""
        try:
            return cls.from_json(text)
        except InvalidChoice:
            return cls(practice=practice, number=number, digest=START, at=_NEVER, key=0)


@attrs.frozen(kw_only=True)
class Anchor(Checkpoint):
    """Where what a database keeps begins: everything up to its link was pruned by `Audit.prune`.

    It is signed for this alone: a checkpoint is no anchor, and an anchor no checkpoint.
    """

    _signed_as: ClassVar[str] = _ANCHOR


@attrs.frozen(kw_only=True)
class AuditHead:
    """How an audit stands: its last link, how far it is shipped, where what is kept begins.

    ``anchor`` is the signed place before the first entry that is kept, None if none was ever
    removed. ``retention`` is how long entries are kept. ``is_whole`` is False where something in
    it could not be read, and something else stands here in its place.
    """

    number: int = 0
    digest: str = START
    shipped: int = 0
    anchor: Anchor | None = None
    retention: timedelta = SIX_YEARS
    is_whole: bool = True

    @property
    def begins_after(self) -> int:
        """The number before the first entry that is kept."""
        return 0 if self.anchor is None else self.anchor.number


@attrs.frozen(kw_only=True)
class Sealed:
    """What came of sealing: ``count`` entries were chained, and ``shipped`` to the sink.

    ``checkpoint`` says how far the chain goes now; None while it has no link.
    """

    count: int
    shipped: int
    checkpoint: Checkpoint | None


@attrs.frozen(kw_only=True)
class Pruned:
    """What came of pruning: ``count`` entries removed, and where what is kept begins now."""

    count: int
    anchor: Anchor | None


class Place(Choice):
    """Where something was found in an audit."""

    DATABASE = "database"
    SINK = "sink"
    CHECKPOINT = "checkpoint"
    """In the checkpoint that was expected."""
    HEAD = "head"
    """In what the database says of the chain's end, and of how far it was shipped and pruned."""
    KEY = "key"
    """In the table of the audit's keys; the number is the key's."""


class AuditFlaw(Choice):
    """What is wrong in an audit."""

    CHANGED = "changed"
    """An entry is not as it was written, or nobody with the key wrote it."""
    MISSING = "missing"
    """An entry was sealed and is not there."""
    BROKEN = "broken"
    """A link does not follow the one before it: something was changed, moved or put in."""
    GAP = "gap"
    """Numbers are missing, stand twice or are out of order."""
    CUT = "cut"
    """The end is missing."""
    DIFFERENT = "different"
    """The database and the sink, or the chain and a checkpoint, say different things."""
    FORGED = "forged"
    """A checkpoint or an anchor is not signed by the practice's key."""
    INSERTED = "inserted"
    """A link stands where the chain does not go, or an entry waits that has its link already."""
    LOOSE = "loose"
    """An entry is not in the chain and does not wait for it either."""
    UNSIGNED = "unsigned"
    """No checkpoint in the sink says that so much was shipped."""
    MALFORMED = "malformed"
    """It cannot be read."""
    UNKNOWN = "unknown"
    """The practice has no audit, or its keys were removed."""


@attrs.frozen(kw_only=True)
class AuditFinding:
    """One flaw: in which place, at which ``number`` of the chain, in the row of which ``entry``.

    An entry that was not sealed yet has no number, and neither has what is no entry.
    """

    flaw: AuditFlaw
    place: Place
    number: int | None = None
    entry: str = ""

    def __str__(self) -> str:
        parts = [self.place.value]
        if self.number is not None or self.entry:
            at = "not sealed yet" if self.number is None else f"number {self.number}"
            # What is no UTF-8 was not written by us, and may be told all the same.
            entry = self.entry.encode("utf-8", "replace").decode()
            parts.append(f"{at}, entry {entry}" if entry else at)
        return ": ".join([*parts, _SAID[self.flaw]])


_SAID: Final[Mapping[AuditFlaw, str]] = {
    AuditFlaw.CHANGED: "it was changed, or was not written by this library",
    AuditFlaw.MISSING: "the entry is missing",
    AuditFlaw.BROKEN: "it does not follow what stands before it",
    AuditFlaw.GAP: "the numbers are not in order here",
    AuditFlaw.CUT: "the end of the chain is missing from here on",
    AuditFlaw.DIFFERENT: "it is not what was sealed under this number",
    AuditFlaw.FORGED: "it is not signed for this by the practice's key",
    AuditFlaw.INSERTED: "it was put in: the chain does not go there",
    AuditFlaw.LOOSE: "the entry is not in the chain and does not wait for it",
    AuditFlaw.UNSIGNED: "no checkpoint says that so much was shipped",
    AuditFlaw.MALFORMED: "it cannot be read",
    AuditFlaw.UNKNOWN: "the practice has no audit, or its keys were removed",
}


@attrs.frozen(kw_only=True)
class AuditVerification:
    """What came of verifying: ``sealed`` entries and ``unsealed`` ones were read."""

    sealed: int
    unsealed: int
    findings: tuple[AuditFinding, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def to_document(chained: ChainedRow) -> str:
    """A link with its entry as one line of JSON, for sinks."""
    row = None if chained.row is None else chained.row._asdict()
    # What is no word or number was not written by us; a sink may be given it all the same.
    return json.dumps({**chained._asdict(), "row": row}, default=repr)


def from_document(text: str, number: int) -> ChainedRow:
    """The link of a document; what cannot be read is one of this number that has no entry."""
    try:
        found: dict[str, Any] = json.loads(text)
        row = found.pop("row")
        made = ChainedRow(**found, row=None if row is None else AuditRow(**row))
        if made.is_plain:
            return made
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        pass
    return ChainedRow(number, 0, "", "", None)
