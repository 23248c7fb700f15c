"""What papers say, brought to what the columns hold: PostgreSQL refuses what SQLite keeps. The paper itself is kept whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models


def fitting(model: type[models.Model], columns: dict[str, Any]) -> dict[str, Any]:
    """Texts cut to the column's length; figures that are too large left out, or the largest one where there must be one."""
    return {name: _fitting(model._meta.get_field(name), value) for name, value in columns.items()}


def _fitting(field: Any, value: Any) -> Any:
    if isinstance(field, models.CharField) and isinstance(value, str):
        return value[: field.max_length]
    if isinstance(field, models.DecimalField) and isinstance(value, Decimal):
        largest = Decimal(10) ** (field.max_digits - field.decimal_places) - Decimal(1).scaleb(-field.decimal_places)
        return value if abs(value) <= largest else None if field.null else largest.copy_sign(value)
    return value
