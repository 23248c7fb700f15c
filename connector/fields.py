"""Encrypted columns that cannot be destroyed by accident: a small subclass around django-fernet-fields-v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import models
from django.db.models.expressions import Case, Expression, Value, When
from django.db.models.functions import Cast
from fernet_fields import EncryptedTextField

if TYPE_CHECKING:  # the library publishes no types: for the reader of types it is text
    Encrypted = models.TextField[str, str]
else:
    Encrypted = EncryptedTextField


class SecretTextField(Encrypted):
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
    """bulk_update's own expression: a CASE whose values are each prepared, that is encrypted, by a field of this kind.

    A CASE written by hand looks the same, but its values belong to other fields and would be stored in plain text.
    """
    inner = value.source_expressions[0] if isinstance(value, Cast) else value
    return (
        isinstance(inner, Case)
        and all(
            type(when.result) is Value and isinstance(when.result.output_field, SecretTextField)
            for when in inner.cases
            if isinstance(when, When)
        )
        and _is_null(inner.default)
    )


def _is_null(expression: Any) -> bool:
    return type(expression) is Value and expression.value is None
