"""How the back office's templates write ages, money and quantities."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone

register = template.Library()
SPANS = [(86_400, "d"), (3_600, "h"), (60, "min")]


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago, in its largest unit: `3 d`, `4 h`, `12 min`, `now`."""
    if moment is None:
        return "never"
    seconds = (timezone.now() - moment).total_seconds()
    return next((f"{int(seconds // size)} {unit}" for size, unit in SPANS if seconds >= size), "now")


@register.filter
def stamp(value: Any) -> Any:
    """Dates and times as 2026-11-22 and 2026-11-22 16:30:05, in the zone that is active; anything else as it is."""
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else value


@register.filter
def money(amount: Decimal | None, currency: str = "") -> str:
    """`NOK 182,400.00`; empty without an amount."""
    if amount is None:
        return ""
    return f"{currency} {amount:,.2f}".strip()


@register.filter
def price(amount: Decimal | None) -> str:
    """A price with the digits it has, at least two."""
    if amount is None:
        return ""
    places = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{places}f}"


@register.filter
def quantity(number: Decimal | None) -> str:
    """A quantity without trailing noughts; a nought is a dash, so that what counts is seen."""
    if number is None or number == 0:
        return "–"
    return f"{number.normalize():,f}"


@register.filter
def seconds(number: float | None) -> str:
    """A span in its largest unit."""
    if number is None:
        return "never"
    return next((f"{int(number // size)} {unit}" for size, unit in SPANS if number >= size), f"{int(number)} s")
