"""What the last look at both sides accounted for: a page to read."""

from __future__ import annotations

from django.contrib import admin

from connector.models import Completeness
from mapping.admin.common import Page, ReadOnly


@admin.register(Completeness)
class CompletenessAdmin(ReadOnly, Page):
    """One row per company."""

    list_display = ["company", "unexplained", "total", "at", "problem"]
    list_select_related = ["company"]
    fields = ["company", "at", "unexplained", "total", "figures", "tried_at", "problem"]
