"""The tables.

**One table of records, and small tables beside it.** Every noun that a practice keeps (people,
places, appointment types, rules, overrides, blockings) is a row of ``medsched_record``: what is
asked of every kind alike is a column, the rest a JSON document with a format number. What lists
filter on stands in ``medsched_filter``, what one record says of another in
``medsched_reference``. A table per kind was the other choice. Against it:

- A changeset guards, writes and removes records of many kinds at once. In one table that is one
  locked read in one order of locks, and so is `Store.get_many`; in eleven tables it is eleven.
- Half of the filters look into sets (a provider's specialties), which need a table beside in
  either case; the other half then come for free.
- A new field or a new kind of record changes no table, so it needs no migration.

What is booked is another matter: ``medsched_booking`` has a column for all that is asked of it,
``medsched_claim`` the minutes that each booking takes of each resource, and
``medsched_ledger`` all claimed minutes of a resource and UTC day, which is what guards against
double booking.

**Keys.** The practice leads every key, so that a distributed engine can shard by it. No key
holds more than two ids beside their kinds: ids have up to 255 characters of up to 4 bytes,
MariaDB's keys end at 3072 bytes and PostgreSQL's at 2704. Every constraint and index is named.

**A row at version 0** says that there is no such record. A changeset that was decided on the
absence of a record (of a practice's settings, say) needs something to lock, so it makes such a
row; readers pass it over, and whoever creates the record writes over it. In
``medsched_schedule`` a version 0 means what it says: no change yet.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.sql.schema import SchemaItem

from medsched.adapters.sqlalchemy.columns import UtcDateTime, document, exact, word
from medsched.domain.fields import LONGEST_ID, LONGEST_NAME

PREFIX: Final = "medsched_"
VERSION: Final = 5
"""The version of these tables: see `migrations`."""
_WORD: Final = 32
ROSTER: Final = "roster"
"""What the parts of a roster are called among the kinds of resources that have schedules."""
HOURS: Final = tuple(f"h{hour:02d}" for hour in range(24))
"""The columns of a day's hours."""
_OPTIONS: Final[dict[str, Any]] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (
        ("engine", "InnoDB"),
        ("charset", "utf8mb4"),
        ("collate", "utf8mb4_nopad_bin"),
    )
}

_HALF_FULL: Final[dict[str, Any]] = (
    {"postgresql_with": {"fillfactor": "50"}}
    if "with" in dict(PGDialect.construct_arguments or ())[Table]
    else {}
)
"""Half of each page is left free, where SQLAlchemy (2.1 and later) has a way to say so."""


class Tables:
    """The tables of one schema, laid into a `MetaData`; without a schema, the default one."""

    def __init__(self, metadata: MetaData, schema: str | None = None) -> None:
        self.metadata = metadata
        self.schema = schema

        self.version = self._table(
            "version",
            Column("component", word(_WORD), nullable=False),
            Column("version", Integer, nullable=False),
            PrimaryKeyConstraint("component", name="pk_medsched_version"),
        )
        """Which tables these are: one row, ``schema``, with the version of them all."""

        self.record = self._table(
            "record",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("kind", word(_WORD), nullable=False),
            Column("id", exact(LONGEST_ID), nullable=False),
            Column("version", BigInteger, nullable=False),
            Column("active", Boolean(create_constraint=False), nullable=False),
            Column("resource_kind", word(_WORD)),
            Column("resource_id", exact(LONGEST_ID)),
            Column("created_at", UtcDateTime),
            Column("updated_at", UtcDateTime),
            Column("format", SmallInteger, nullable=False),
            Column("document", document(), nullable=False),
            Column("touched", BigInteger, nullable=False, server_default=text("0")),
            PrimaryKeyConstraint("practice", "kind", "id", name="pk_medsched_record"),
            Index("ix_medsched_record_resource", "practice", "resource_kind", "resource_id"),
        )
        """Every record. ``resource_kind`` and ``resource_id`` say whose hours it is about.

        ``touched`` counts guards that were checked by a write; it says nothing else.
        """

        self.filter = self._table(
            "filter",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("kind", word(_WORD), nullable=False),
            Column("id", exact(LONGEST_ID), nullable=False),
            Column("position", Integer, nullable=False),
            Column("field", word(_WORD), nullable=False),
            Column("value", exact(LONGEST_NAME), nullable=False),
            PrimaryKeyConstraint("practice", "kind", "id", "position", name="pk_medsched_filter"),
            Index("ix_medsched_filter_value", "practice", "kind", "field", "value"),
        )
        """What lists filter on: a field of a record and the value, or one of the values, in it."""

        self.reference = self._table(
            "reference",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("kind", word(_WORD), nullable=False),
            Column("id", exact(LONGEST_ID), nullable=False),
            Column("position", Integer, nullable=False),
            Column("to_kind", word(_WORD), nullable=False),
            Column("to_id", exact(LONGEST_ID), nullable=False),
            PrimaryKeyConstraint(
                "practice", "kind", "id", "position", name="pk_medsched_reference"
            ),
            Index("ix_medsched_reference_to", "practice", "to_kind", "to_id"),
        )
        """Which record names which."""

        self.schedule = self._table(
            "schedule",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("kind", word(_WORD), nullable=False),
            Column("id", exact(LONGEST_ID), nullable=False),
            Column("version", BigInteger, nullable=False),
            Column("touched", BigInteger, nullable=False, server_default=text("0")),
            PrimaryKeyConstraint("practice", "kind", "id", name="pk_medsched_schedule"),
        )
        """The schedule version of a resource; it outlives the resource's record.

        The parts of the practice's roster are rows of a kind of their own.
        """

        self.event = self._table(
            "event",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("changeset", word(_WORD), nullable=False),
            Column("position", Integer, nullable=False),
            Column("recorded_at", UtcDateTime, nullable=False),
            Column("number", BigInteger),
            Column("name", word(2 * _WORD), nullable=False),
            Column("kind", word(_WORD), nullable=False),
            Column("record", exact(LONGEST_ID), nullable=False),
            Column("version", BigInteger, nullable=False),
            Column("format", SmallInteger, nullable=False),
            Column("touched", document()),
            PrimaryKeyConstraint("practice", "changeset", "position", name="pk_medsched_event"),
            UniqueConstraint("practice", "number", name="uq_medsched_event_number"),
        )
        """The outbox. ``changeset`` is a random name; ``number`` is given after the commit.

        ``recorded_at`` is the database's clock when the event was written, under the locks of
        its changeset: of two changesets that could not have been applied in the other order,
        the second waits for the first one's commit, and is later. Of others it says nothing,
        so whoever follows events reads by the number. An identity column would promise no
        more, and MariaDB and SQLite want it to lead a key.

        ``touched`` stands in the row at position 0 alone: where the changeset changes what can be
        booked. NULL there: an earlier release wrote it, which did not say.
        """

        self.booking = self._table(
            "booking",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("kind", word(_WORD), nullable=False),
            Column("id", exact(LONGEST_ID), nullable=False),
            Column("version", BigInteger, nullable=False),
            Column("status", word(_WORD)),
            Column("provider", exact(LONGEST_ID), nullable=False),
            Column("patient", exact(LONGEST_ID)),
            Column("type", exact(LONGEST_ID), nullable=False),
            Column("location", exact(LONGEST_ID)),
            Column("start_at", UtcDateTime, nullable=False),
            Column("end_at", UtcDateTime, nullable=False),
            Column("reference", exact(LONGEST_ID)),
            Column("expires_at", UtcDateTime),
            Column("created_at", UtcDateTime),
            Column("updated_at", UtcDateTime),
            Column("format", SmallInteger, nullable=False),
            Column("document", document(), nullable=False),
            Column("touched", BigInteger, nullable=False, server_default=text("0")),
            PrimaryKeyConstraint("practice", "kind", "id", name="pk_medsched_booking"),
            UniqueConstraint("practice", "reference", name="uq_medsched_booking_reference"),
            Index("ix_medsched_booking_provider", "practice", "provider", "start_at"),
            Index("ix_medsched_booking_patient", "practice", "patient", "start_at"),
            Index("ix_medsched_booking_start", "practice", "start_at"),
        )
        """Appointments and holds, told apart by ``kind``.

        ``status`` and ``reference`` are of appointments, ``expires_at`` of holds. ``touched`` is
        what it is in ``medsched_record``.
        """

        self.claim = self._table(
            "claim",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("resource_kind", word(_WORD), nullable=False),
            Column("resource_id", exact(LONGEST_ID), nullable=False),
            Column("days", SmallInteger, nullable=False),
            Column("low", BigInteger, nullable=False),
            Column("token", word(_WORD), nullable=False),
            Column("high", BigInteger, nullable=False),
            Column("kind", word(_WORD), nullable=False),
            Column("id", exact(LONGEST_ID), nullable=False),
            Column("expires_at", UtcDateTime),
            PrimaryKeyConstraint(
                *("practice", "resource_kind", "resource_id", "days", "low", "token"),
                name="pk_medsched_claim",
            ),
        )
        """The minutes [low, high) of the epoch that a booking takes of a resource.

        ``days`` is 1 for a claim of at most a day, 22 for a longer one: however long a claim
        may be, what reaches into a stretch of time is looked for within so many days before.

        ``token`` is a hash of ``kind`` and ``id``, which are too long for one key together.
        """

        self.ledger = self._table(
            "ledger",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("resource_kind", word(_WORD), nullable=False),
            Column("resource_id", exact(LONGEST_ID), nullable=False),
            Column("day", Integer, nullable=False),
            *(Column(hour, BigInteger) for hour in HOURS),
            PrimaryKeyConstraint(
                "practice", "resource_kind", "resource_id", "day", name="pk_medsched_ledger"
            ),
            **_HALF_FULL,
        )
        """The claimed minutes of a resource and UTC day, counted from 1970-01-01.

        A column an hour, a bit a minute, NULL for none. It can be made anew from the claims.
        PostgreSQL changes rows where they are as long as pages have room.
        """

        self.tally = self._table(
            "tally",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("name", exact(LONGEST_ID), nullable=False),
            Column("count", BigInteger, nullable=False),
            PrimaryKeyConstraint("practice", "name", name="pk_medsched_tally"),
        )
        """What is counted, so that rivals cannot pass a cap together."""

        self.receipt = self._table(
            "receipt",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("scope", word(2 * _WORD), nullable=False),
            Column("digest", word(2 * _WORD), nullable=False),
            Column("made_at", UtcDateTime, nullable=False),
            Column("document", document()),
            PrimaryKeyConstraint("practice", "scope", name="pk_medsched_receipt"),
            Index("ix_medsched_receipt_made", "practice", "made_at"),
        )
        """The idempotency keys of the last days, as hashes, and what the first request returned."""

        self.sequence = self._table(
            "sequence",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("last", BigInteger, nullable=False),
            PrimaryKeyConstraint("practice", name="pk_medsched_sequence"),
        )
        """The last number that an event of a practice was given."""

        self.publication = self._table(
            "publication",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("token", word(_WORD), nullable=False),
            Column("provider", exact(LONGEST_ID), nullable=False),
            Column("type", exact(LONGEST_ID), nullable=False),
            Column("day", Integer, nullable=False),
            Column("start_at", UtcDateTime, nullable=False),
            Column("end_at", UtcDateTime, nullable=False),
            Column("stamp", word(2 * _WORD), nullable=False),
            PrimaryKeyConstraint("practice", "token", name="pk_medsched_publication"),
            Index("ix_medsched_publication_day", "practice", "provider", "day"),
        )
        """The days of a provider and a type whose slots are written down in ``medsched_slot``.

        ``day`` is the provider's local date, counted from 1970-01-01, ``start_at`` and ``end_at``
        its instants. ``stamp`` is a hash of all that the slots follow from. ``token`` is one of
        provider, type and day, which are too long for a key.
        """

        self.slot = self._table(
            "slot",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("publication", word(_WORD), nullable=False),
            Column("start_at", UtcDateTime, nullable=False),
            Column("end_at", UtcDateTime, nullable=False),
            Column("provider", exact(LONGEST_ID), nullable=False),
            Column("type", exact(LONGEST_ID), nullable=False),
            Column("location", exact(LONGEST_ID)),
            Column("status", word(_WORD), nullable=False),
            Column("seats_free", Integer, nullable=False),
            Column("patient", exact(LONGEST_ID)),
            Column("slot_id", document(), nullable=False),
            Column("created_at", UtcDateTime, nullable=False),
            Column("updated_at", UtcDateTime, nullable=False),
            PrimaryKeyConstraint("practice", "publication", "start_at", name="pk_medsched_slot"),
            Index("ix_medsched_slot_provider", "practice", "provider", "start_at", "status"),
        )
        """Slots as they were when they were last published or read: for hosts to read.

        They can be made anew at any time, and nothing that is booked depends on them.
        """

        self.data_key = self._table(
            "data_key",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("subject_kind", word(_WORD), nullable=False),
            Column("subject", exact(LONGEST_ID), nullable=False),
            Column("number", Integer, nullable=False),
            Column("wrapped_by", word(2 * LONGEST_ID)),
            Column("wrapped", document()),
            Column("created_at", UtcDateTime, nullable=False),
            Column("retired_at", UtcDateTime),
            Column("destroyed_at", UtcDateTime),
            PrimaryKeyConstraint(
                *("practice", "subject_kind", "subject", "number"), name="pk_medsched_data_key"
            ),
        )
        """The keys that documents are sealed by, each wrapped by a master key of the host's.

        ``subject_kind`` is ``patient``, ``practice`` for what is no patient's, or ``index``. The
        highest number seals; one that was replaced has ``retired_at``. Of a destroyed key a row
        stays, with nothing wrapped in it.
        """

        self.sealing = self._table(
            "sealing",
            Column("component", word(_WORD), nullable=False),
            Column("database", word(_WORD), nullable=False),
            Column("whole", Boolean(create_constraint=False), nullable=False),
            Column("prefix", SmallInteger),
            PrimaryKeyConstraint("component", name="pk_medsched_sealing"),
        )
        """Whether documents are sealed here: one row, ``documents``, or none where none ever was.

        ``database`` is a random name, ``whole``: nothing is left in plain text. ``prefix`` is that
        of the index of all patients, NULL where there is none, or not of all.
        """

        self._audit_tables()

    def _audit_tables(self) -> None:
        """The audit; `audit_triggers` says who may change what in it."""
        self.audit = self._table(
            "audit",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("id", exact(LONGEST_ID), nullable=False),
            Column("changeset", word(_WORD), nullable=False),
            Column("position", Integer, nullable=False),
            Column("at", BigInteger, nullable=False),
            Column("principal", exact(LONGEST_ID), nullable=False),
            Column("roles", document(), nullable=False),
            Column("operation", exact(LONGEST_ID), nullable=False),
            Column("action", word(_WORD), nullable=False),
            Column("outcome", word(_WORD), nullable=False),
            Column("reason", document(), nullable=False),
            Column("kind", word(_WORD), nullable=False),
            Column("record", exact(LONGEST_ID), nullable=False),
            Column("patient", exact(LONGEST_ID)),
            Column("fields", document(), nullable=False),
            Column("purpose", word(_WORD), nullable=False),
            Column("emergency", SmallInteger, nullable=False),
            Column("address", exact(LONGEST_ID), nullable=False),
            Column("session", exact(LONGEST_ID), nullable=False),
            Column("mac_key", Integer, nullable=False),
            Column("mac", word(2 * _WORD), nullable=False),
            Column("recorded_at", BigInteger, nullable=False),
            PrimaryKeyConstraint("practice", "id", name="pk_medsched_audit"),
            Index("ix_medsched_audit_patient", "practice", "patient", "at"),
        )
        """Who saw or changed what: rows that are written once. See `AuditRow` for the columns.

        Its times are microseconds since 1970-01-01 UTC, so that no other text or number stands for
        the same moment; ``recorded_at`` is the database's clock, as in ``medsched_event``.
        """

        self.audit_unsealed = self._table(
            "audit_unsealed",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("recorded_at", BigInteger, nullable=False),
            Column("changeset", word(_WORD), nullable=False),
            Column("position", Integer, nullable=False),
            Column("entry", exact(LONGEST_ID), nullable=False),
            PrimaryKeyConstraint(
                *("practice", "recorded_at", "changeset", "position"),
                name="pk_medsched_audit_unsealed",
            ),
        )
        """The entries that have no link yet, in the order in which they will get one.

        A table of its own, because rows of ``medsched_audit`` never change.
        """

        self.audit_chain = self._table(
            "audit_chain",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("number", BigInteger, nullable=False),
            Column("mac_key", Integer, nullable=False),
            Column("digest", word(2 * _WORD), nullable=False),
            Column("entry", exact(LONGEST_ID), nullable=False),
            PrimaryKeyConstraint("practice", "number", name="pk_medsched_audit_chain"),
            UniqueConstraint("practice", "entry", name="uq_medsched_audit_chain_entry"),
        )
        """The links of the chain, each over one entry and the link before: never changed."""

        self.audit_head = self._table(
            "audit_head",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("number", BigInteger, nullable=False),
            Column("digest", word(2 * _WORD), nullable=False),
            Column("shipped", BigInteger, nullable=False),
            Column("pruned", BigInteger, nullable=False),
            Column("anchor", document()),
            Column("retention", Integer, nullable=False),
            PrimaryKeyConstraint("practice", name="pk_medsched_audit_head"),
        )
        """The last link of a practice: whoever seals locks it.

        ``shipped`` is the last number that a sink has, ``pruned`` the last that was removed here,
        with the signed checkpoint (JSON) of it in ``anchor``. ``retention`` is in days.
        """

        self.audit_key = self._table(
            "audit_key",
            Column("practice", exact(LONGEST_ID), nullable=False),
            Column("purpose", word(_WORD), nullable=False),
            Column("number", Integer, nullable=False),
            Column("wrapped_by", exact(LONGEST_ID), nullable=False),
            Column("wrapped", document(), nullable=False),
            Column("public", document(), nullable=False),
            Column("created_at", UtcDateTime, nullable=False),
            PrimaryKeyConstraint("practice", "purpose", "number", name="pk_medsched_audit_key"),
        )
        """The keys of the audit, wrapped by the host's: ``purpose`` is ``mac`` or ``sign``.

        ``public`` is the public half of a key that signs (base64), for whoever checks signatures
        elsewhere.
        """

    def _table(self, name: str, *parts: SchemaItem, **options: Any) -> Table:
        return Table(
            PREFIX + name, self.metadata, *parts, schema=self.schema, **_OPTIONS, **options
        )


def tables(schema: str | None = None) -> Tables:
    """The tables of a schema, in a `MetaData` of their own; always the same ones."""
    return _tables(schema)


@cache
def _tables(schema: str | None) -> Tables:
    return Tables(MetaData(), schema)


def attach(metadata: MetaData, *, schema: str | None = None) -> Tables:
    """Lay the tables into a host's own `MetaData`.

    The host's Alembic then finds them where they belong: autogenerate makes the migrations
    that create and upgrade them, and drops none. See `migrations.stamp` for the row that says
    which version they are.
    """
    return Tables(metadata, schema)
