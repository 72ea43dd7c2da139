"""The host's own tables, and medsched's beside them."""

from __future__ import annotations

from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from medsched.adapters.sqlalchemy import attach


class Base(DeclarativeBase):
    """What the host's models are made from; Alembic compares its metadata with the database."""

    metadata = MetaData(
        naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"}
    )


attach(Base.metadata)  # the one line that makes medsched's tables a part of the host's migrations


class Invoice(Base):
    """What a visit costs."""

    __tablename__ = "invoice"

    id: Mapped[int] = mapped_column(primary_key=True)
    appointment: Mapped[str] = mapped_column(String(255), unique=True)
    cents: Mapped[int]
