"""Encryption at rest: what a host says of it, and what it does to a database as a whole.

Needs the extra ``encryption``; without it, importing this module raises `MissingExtra`.
"""

from __future__ import annotations

from medsched.adapters.sqlalchemy.document_walk import Resealed
from medsched.adapters.sqlalchemy.encryption import BlindIndex, Encryption
from medsched.adapters.sqlalchemy.resealing import rewrap, rotate, seal_all
from medsched.adapters.sqlalchemy.shredding import destroy_key

__all__ = [
    "BlindIndex",
    "Encryption",
    "Resealed",
    "destroy_key",
    "rewrap",
    "rotate",
    "seal_all",
]
