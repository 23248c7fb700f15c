"""What people map, one row at a time: a decision that may need it waits while it is written, or is over before."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction

from mapping.locks import change_mappings


class Mapped(models.Model):
    """Saved and deleted under the lock of its company's mappings, before any row of theirs is locked (mapping/locks.py)."""

    company: Any

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            change_mappings(self.company)
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            change_mappings(self.company)
            return super().delete(*args, **kwargs)


class MappedForPartner(Mapped):
    """Of the partner's company."""

    partner: Any

    class Meta:
        abstract = True

    @property
    def company(self) -> Any:
        return self.partner.company
