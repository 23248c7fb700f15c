"""Encrypted columns that cannot be destroyed by accident: a small subclass around django-fernet-fields-v2."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models
from django.db.models.expressions import Case, Expression
from django.db.models.functions import Cast
from fernet_fields import EncryptedTextField


class SecretTextField(EncryptedTextField):  # type: ignore[misc]  # the library publishes no types
    """Text that is only ever stored encrypted with the first of FERNET_KEYS, and read with any of them.

    Never copy one secret column to another with `F()`: what lies in the row is tied to the key, not to the column.
    Raises FieldError for expressions, ImproperlyConfigured without FERNET_KEYS.
    """

    @property
    def keys(self) -> list[str]:
        keys = getattr(settings, "FERNET_KEYS", None)
        if not keys:
            raise ImproperlyConfigured(
                "FIELD_ENCRYPTION_KEYS is empty: secrets cannot be stored or read without a key."
            )
        return list(keys)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if not hasattr(value, "as_sql"):
            return super().get_db_prep_save(value, connection)
        if _is_bulk_update(value):
            return value
        raise FieldError(f"{self.name} is encrypted: it takes a value, not an expression.")

    def value_to_string(self, obj: models.Model) -> str:  # noqa: ARG002 - Django's own signature
        """dumpdata would write plain text."""
        raise FieldError(f"{self.name} is encrypted and is not exported.")


def _is_bulk_update(value: Expression) -> bool:
    """bulk_update's own expression: a CASE over primary keys whose values are each prepared by this very field."""
    inner = value.source_expressions[0] if isinstance(value, Cast) else value
    return isinstance(inner, Case) and all(
        hasattr(when, "result") and type(when.result).__name__ == "Value" and when.result.output_field is not None
        for when in inner.cases
    )
