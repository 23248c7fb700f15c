"""What a file asks for, held against what is there: rows to create, rows to change, and rows that already say so.

Nothing is written before every row of the file has been understood.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from mapping.tables import BadRow, sentence_of

T = TypeVar("T", bound=models.Model)
BATCH = 500


class Verdict(Enum):
    """What a row of a file comes to."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass
class Plan(Generic[T]):
    """The changes to one model. `key` says which row is meant, `fields` are what a file may change on it.

    `meaning` are those of `fields` in which two rows of one file with the same key must agree.
    """

    model: type[T]
    key: Callable[[T], Hashable]
    fields: tuple[str, ...]
    meaning: tuple[str, ...]
    existing: Iterable[T]
    creates: list[T] = field(default_factory=list)
    updates: list[T] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._there = {self.key(one): one for one in self.existing}
        self._asked: dict[Hashable, tuple[int, T]] = {}

    def ask(self, line: int, wanted: T, *, unchecked: tuple[str, ...] = ()) -> Verdict:
        """Note that the row in `line` wants `wanted`. Raises BadRow for values that do not fit, or contradict a line above."""
        try:
            wanted.clean_fields(exclude=unchecked)
        except ValidationError as error:
            raise BadRow(sentence_of(error)) from error
        key = self.key(wanted)
        if key in self._asked:
            self._agree(wanted, *self._asked[key])
            return Verdict.UNCHANGED
        self._asked[key] = (line, wanted)
        return self._settle(wanted, self._there.get(key))

    def _agree(self, wanted: T, line: int, earlier: T) -> None:
        for name in self.meaning:
            if getattr(wanted, name) != getattr(earlier, name):
                raise BadRow(
                    f"{name} is {getattr(wanted, name)}, but line {line} says {getattr(earlier, name)} for the same"
                )

    def _settle(self, wanted: T, there: T | None) -> Verdict:
        if there is None:
            self.creates.append(wanted)
            return Verdict.CREATED
        changed = [name for name in self.fields if getattr(there, name) != getattr(wanted, name)]
        for name in changed:
            setattr(there, name, getattr(wanted, name))
        if not changed:
            return Verdict.UNCHANGED
        self.updates.append(there)
        return Verdict.UPDATED

    def write(self, reason: str) -> None:
        """Write all of it, each change with its history row. Belongs into the caller's transaction."""
        write_updates(self.model, self.updates, self.fields, reason)
        write_creates(self.model, self.creates, reason)


def write_creates(model: type[T], rows: list[T], reason: str) -> None:
    """Create rows with their history."""
    if rows:
        bulk_create_with_history(rows, model, batch_size=BATCH, default_change_reason=reason)


def write_updates(model: type[T], rows: list[T], fields: tuple[str, ...], reason: str) -> None:
    """Change rows with their history. `updated_at` is set here: bulk updates leave auto_now alone."""
    if not rows:
        return
    if any(one.name == "updated_at" for one in model._meta.get_fields()):
        fields = (*fields, "updated_at")
        for row in rows:
            setattr(row, "updated_at", timezone.now())  # noqa: B010  # T is any model; only some have the column
    bulk_update_with_history(rows, model, fields, batch_size=BATCH, default_change_reason=reason)
