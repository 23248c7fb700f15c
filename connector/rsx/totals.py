"""Do an invoice's figures add up? Lines, charges and taxes against the stated total, in every sensible reading.

Header figures may repeat those of the lines, and line figures may be mere information (sps.md §8): each reading is
computed, and only the one that meets the total counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final, NamedTuple, TypeVar

from connector.rsx.common import Charge, Paper, Tax

_CENT: Final = Decimal("0.01")
_NOT_IN_TOTAL: Final = ("01", "15")  # handling: bill back, informational (sps.md §8)
# AllowChrgPercentQual (sps.md §9): of the goods' value, or of what previous allowances left; 1 (list cost) is unknown
_OF_NET: Final = ("", "2", "3", "5", "6")
_OF_REST: Final = ("4", "7")
_ADDED: Final = ("", "A")
_NOT_ADDED: Final = ("I", "O")  # included in the price, information only; D and S leave open what to do
_EXEMPT: Final = ("0", "1", "3")
_EXACT: Final = Context(prec=60)

_Stated = TypeVar("_Stated")


class Reconciliation(Paper):
    """The reading that meets the total: net + charges + taxes = total within the tolerance.

    `charges` and `taxes` are those that are part of the total; every amount is resolved, an allowance negative.
    `line_charges` says whether charges of the lines are among them.
    """

    net: Decimal
    charges: tuple[Charge, ...]
    taxes: tuple[Tax, ...]
    total: Decimal
    line_charges: bool


class Figures(NamedTuple):
    """What an invoice states: the lines' nets, charges and taxes of header and lines, and the total, if any."""

    nets: tuple[Decimal, ...]
    charges: tuple[Charge, ...]
    taxes: tuple[Tax, ...]
    line_charges: tuple[tuple[Charge, ...], ...]
    line_taxes: tuple[tuple[Tax, ...], ...]
    total: Decimal | None
    is_credit: bool


class _Undecidable(Exception):
    """A charge or tax that is part of the money, but nobody can tell its amount or its sign."""


class _Level(NamedTuple):
    """What one level (the header, or all lines together) adds, amounts resolved; charges carry their own taxes."""

    charges: tuple[Charge, ...]
    taxes: tuple[Tax, ...]


class _Reading(NamedTuple):
    charges: tuple[Charge, ...]
    taxes: tuple[Tax, ...]
    line_charges: bool

    def sums(self) -> tuple[Decimal, Decimal]:
        return _sum(self.charges), _sum(self.taxes)


def mixes_signs(amounts: Sequence[Decimal | None]) -> bool:
    """Whether both positive and negative amounts occur; zero and missing ones have no sign."""
    known = [amount for amount in amounts if amount is not None]
    return any(amount > 0 for amount in known) and any(amount < 0 for amount in known)


def reconcile(figures: Figures, tolerance: Decimal) -> Reconciliation | None:
    """The one reading that meets the stated total, or None; see `invoice.reconcile`."""
    if figures.is_credit:
        if mixes_signs(figures.nets):
            return None
        # the sign of a credit is not defined: the type decides, the figures are taken as positive
        total = None if figures.total is None else abs(figures.total)
        figures = figures._replace(nets=tuple(map(abs, figures.nets)), total=total)
    net = sum(figures.nets, Decimal(0))
    try:
        header = _level(figures.charges, figures.taxes, net, figures.is_credit)
        lines = [_level(*stated, figures.is_credit) for stated in _stated_by_line(figures)]
    except _Undecidable:
        return None
    below = _Level(
        tuple(charge for line in lines for charge in line.charges), tuple(tax for line in lines for tax in line.taxes)
    )
    found = _chosen(header, below, net, figures.total, tolerance)
    if found is None:
        return None
    total = net + sum(found.sums()) if figures.total is None else figures.total
    return Reconciliation(
        net=net, charges=found.charges, taxes=found.taxes, total=total, line_charges=found.line_charges
    )


def _stated_by_line(figures: Figures) -> Iterator[tuple[tuple[Charge, ...], tuple[Tax, ...], Decimal]]:
    return zip(figures.line_charges, figures.line_taxes, figures.nets, strict=True)


# --- the readings, and the one that counts ------------------------------------------------------------------------


def _readings(header: _Level, lines: _Level) -> list[_Reading]:
    """All readings, the likeliest first: everything counts, the header repeats the lines, the lines the header."""
    readings = []
    for charges, with_lines in _choices(header.charges, lines.charges):
        below = (*lines.taxes, *(tax for charge in charges for tax in charge.taxes))
        for taxes, _ in _choices(header.taxes, below):
            readings.append(_Reading(charges, taxes, with_lines))
    return readings


def _choices(header: tuple[_Stated, ...], lines: tuple[_Stated, ...]) -> list[tuple[tuple[_Stated, ...], bool]]:
    """What may count of one sort, each with whether the lines' are in it."""
    if not lines:
        return [(header, False)]
    return [((*header, *lines), True), (header, False), *([(lines, True)] if header else [])]


def _chosen(header: _Level, lines: _Level, net: Decimal, total: Decimal | None, tolerance: Decimal) -> _Reading | None:
    readings = _readings(header, lines)
    if total is None:
        doubled = (header.charges and lines.charges) or (header.taxes and readings[0].taxes != header.taxes)
        # the plain sum; when both levels state the same sort, only a total could tell whether one repeats the other
        return None if doubled else readings[0]
    off = [abs(net + sum(reading.sums()) - total) for reading in readings]
    nearest = min(off)
    best = [reading for reading, distance in zip(readings, off, strict=True) if distance == nearest]
    if nearest > tolerance or len({reading.sums() for reading in best}) > 1:
        return None
    return best[0]


# --- amounts ------------------------------------------------------------------------------------------------------


def _level(charges: tuple[Charge, ...], taxes: tuple[Tax, ...], net: Decimal, is_credit: bool) -> _Level:
    resolved: list[Charge] = []
    for charge in sorted(charges, key=lambda one: (one.sequence is None, one.sequence or 0)):
        found = _resolved_charge(charge, net, net + _sum(resolved), is_credit)
        if found is not None:
            resolved.append(found)
    return _Level(tuple(resolved), _resolved_taxes(taxes, net + _sum(resolved), is_credit))


def _resolved_charge(charge: Charge, net: Decimal, rest: Decimal, is_credit: bool) -> Charge | None:
    """The charge with its signed amount, an allowance negative; None when it is not part of the total."""
    if charge.handling in _NOT_IN_TOTAL or charge.indicator == "N":
        return None
    amount = _charge_amount(charge, net, rest)
    if not amount:
        return None
    if charge.indicator not in ("A", "C"):
        raise _Undecidable
    signed = -abs(amount) if charge.indicator == "A" else abs(amount) if is_credit else amount
    taxes = _resolved_taxes(charge.taxes, abs(signed), is_credit)
    if signed < 0:  # the tax on an allowance is given back with it
        taxes = tuple(tax.model_copy(update={"amount": -abs(tax.amount or Decimal(0))}) for tax in taxes)
    return charge.model_copy(update={"amount": signed, "taxes": taxes})


def _charge_amount(charge: Charge, net: Decimal, rest: Decimal) -> Decimal | None:
    """The amount as stated, or from percent, or from rate and quantity; None when no figure is stated at all."""
    if charge.amount is not None:
        return charge.amount
    if charge.percent is not None:
        return _percent_of(_percent_base(charge, net, rest), charge.percent)
    if charge.rate is not None and charge.quantity is not None:
        return _EXACT.multiply(charge.rate, charge.quantity).quantize(_CENT, ROUND_HALF_UP, _EXACT)
    if charge.rate is not None:
        raise _Undecidable
    return None


def _percent_base(charge: Charge, net: Decimal, rest: Decimal) -> Decimal:
    if charge.base is not None:
        return charge.base
    if charge.percent_basis in _OF_NET:
        return net
    if charge.percent_basis in _OF_REST:
        return rest
    raise _Undecidable


def _percent_of(base: Decimal, percent: Decimal) -> Decimal:
    return _EXACT.multiply(_EXACT.multiply(base, percent), _CENT).quantize(_CENT, ROUND_HALF_UP, _EXACT)


def _resolved_taxes(taxes: tuple[Tax, ...], base: Decimal, is_credit: bool) -> tuple[Tax, ...]:
    """Taxes that are added to the total, amounts resolved; included and informational ones are left out."""
    added = ((tax, _tax_amount(tax, base)) for tax in taxes if tax.relationship not in _NOT_ADDED)
    return tuple(
        tax.model_copy(update={"amount": abs(amount) if is_credit else amount}) for tax, amount in added if amount
    )


def _tax_amount(tax: Tax, base: Decimal) -> Decimal:
    if tax.handling in _NOT_IN_TOTAL:
        return Decimal(0)
    amount = tax.amount
    if amount is None and tax.percent is not None and tax.exempt not in _EXEMPT:
        amount = _percent_of(base if tax.base is None else tax.base, tax.percent)
    if amount and tax.relationship not in _ADDED:
        raise _Undecidable
    return amount or Decimal(0)


def _sum(stated: Iterable[Charge | Tax]) -> Decimal:
    return sum((one.amount for one in stated if one.amount is not None), Decimal(0))
