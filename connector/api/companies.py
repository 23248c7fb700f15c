"""The company that a caller means, by its name as on the command line."""

from __future__ import annotations

from rest_framework.exceptions import ValidationError

from mapping.models import Company


def company_named(name: str) -> Company | None:
    """The company of that name, None for an empty one: all of them. Raises ValidationError for an unknown one."""
    if not name:
        return None
    known = "\x00" not in name  # which PostgreSQL refuses to look for
    company = Company.objects.filter(name=name).first() if known else None
    if company is None:
        raise ValidationError({"company": [f"There is no company {name}."]})
    return company
