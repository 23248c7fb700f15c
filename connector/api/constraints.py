"""Names of database constraints are sentences; here they are read back from what the database says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.apps import apps
from django.db import IntegrityError, models

FALLBACK = "It contradicts what is already stored."
OURS = ("mapping", "audit", "connector")


def sentence_of(exc: IntegrityError) -> str:
    """The violated constraint as a sentence. PostgreSQL names it, SQLite names a unique one by its columns."""
    said = str(exc)
    for model, constraint in _constraints():
        if re.search(rf"\b{constraint.name}\b", said) or _columns(model, constraint) == _columns_said(said):
            return f"{constraint.name.replace('_', ' ').capitalize()}."
    return FALLBACK


def _constraints() -> Iterator[tuple[type[models.Model], models.BaseConstraint]]:
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            for constraint in model._meta.constraints:
                yield model, constraint


def _columns(model: type[models.Model], constraint: models.BaseConstraint) -> frozenset[str]:
    if not isinstance(constraint, models.UniqueConstraint):
        return frozenset({constraint.name})
    table = model._meta.db_table
    return frozenset(f"{table}.{model._meta.get_field(name).column}" for name in constraint.fields)  # type: ignore[union-attr]  # constraints name columns, never reverse relations


def _columns_said(said: str) -> frozenset[str]:
    columns = said.partition("UNIQUE constraint failed: ")[2]
    return frozenset(columns.split(", ")) if columns else frozenset({""})
