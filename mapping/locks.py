"""Locks on PostgreSQL for what a decision rests on, whether it is known yet or not; each lasts until the transaction ends.

A decision reads orders, bookings and mappings and then writes that it waits; who changes one of them wakes what waits. At
the same moment neither would see the other. SQLite has one writer at a time and needs none of this.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, InterfaceError, connection

if TYPE_CHECKING:  # what people map is saved under a lock of here
    from mapping.models import Company

ORDERS, MAPPINGS = 2_113_001, 2_113_002  # the first half of the keys, so that no other advisory lock is meant
DEADLOCK = "40P01"
STRIPES = 1024
"""Orders share so many locks: a paper about thousands of orders must not use up the server's table of locks."""


def lock_orders(company: Company, numbers: Iterable[str]) -> None:
    """Before deciding about these orders, or changing them or their bookings. All of a transaction's at once, and first:
    the order of the locks is what keeps two of them from waiting for each other."""
    stripes = sorted({zlib.crc32(f"{company.pk} {number}".encode()) % STRIPES for number in numbers})
    if stripes:
        _ask("SELECT pg_advisory_xact_lock(%s, stripe) FROM unnest(%s::int[]) AS stripe", [ORDERS, stripes])


def read_mappings(company: Company) -> None:
    """Before a decision: it waits for a change that is being written, and other decisions go on beside it."""
    _ask("SELECT pg_advisory_xact_lock_shared(%s, %s)", [MAPPINGS, company.pk])


def change_mappings(company: Company) -> None:
    """Before mappings are written: what is held at the same moment is then held before them, and looked at again."""
    _ask("SELECT pg_advisory_xact_lock(%s, %s)", [MAPPINGS, company.pk])


def is_deadlock(error: DatabaseError | InterfaceError) -> bool:
    """Whether PostgreSQL has undone one of two transactions that waited for each other: it may simply be done again.

    Rows are locked with `no_key=True` so that it hardly comes to that: foreign keys are checked at a transaction's end, and
    would then wait for the plain lock of another that waits for a lock of ours.
    """
    return getattr(error.__cause__, "sqlstate", "") == DEADLOCK


def _ask(sql: str, values: list[Any]) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
