"""`manage.py partner`: the rules of one trading partner, shown and changed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from connector.management.command import OperatorCommand, Report, Usage, company_named
from mapping.models import TradingPartner

_FLAGS = {
    "order": "sends_orders",
    "order_ack": "takes_order_acks",
    "shipment": "takes_shipments",
    "invoice": "takes_invoices",
}
_REASON = "manage.py partner"


class Command(OperatorCommand):
    help = "Shows a trading partner's rules, and changes those that are named."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="ID", help="the trading partner id that SPS gave")
        parser.add_argument("--expense-account", metavar="NR", help="for charges and freight; '' removes it")
        parser.add_argument("--expense-subaccount", metavar="SEGMENTS", help="such as '1=00;2=10'")
        parser.add_argument("--ack", choices=TradingPartner.Acknowledgment.values, help="what an acknowledgment makes")
        parser.add_argument("--unmatched-invoice", choices=TradingPartner.UnmatchedInvoice.values)
        parser.add_argument("--documents", metavar="KIND,…", help=f"of {','.join(_FLAGS)}; or none")
        parser.add_argument("--release-receipts", choices=("yes", "no"))
        for which in ("price", "quantity"):
            parser.add_argument(f"--{which}-tolerance", metavar="PCT,ABS", help="an empty part: as the company has it")
        parser.add_argument("--date-tolerance", metavar="DAYS", help="'' for: as the company has it")

    def report(self, options: dict[str, Any]) -> Report:
        company = company_named(options["company"])
        partner = company.partners.filter(trading_partner_id=options["id"]).first()
        if partner is None:
            raise CommandError(
                f"{company} has no trading partner {options['id']}: map its suppliers with `manage.py map suppliers`."
            )
        changed = _change(partner, _wanted(options))
        facts = {**_rules(partner), "changed": changed}
        self.say("\n".join(f"{name}: {_shown(value)}" for name, value in facts.items()))
        return Report(facts)


def _wanted(options: dict[str, Any]) -> dict[str, Any]:
    """The fields that options name, with their values."""
    fields: dict[str, Any] = {}
    for option, field in (
        ("expense_account", "expense_account"),
        ("ack", "acknowledgment"),
        ("unmatched_invoice", "unmatched_invoice"),
    ):
        if options[option] is not None:
            fields[field] = options[option]
    if options["expense_subaccount"] is not None:
        fields["expense_subaccount"] = _segments(options["expense_subaccount"])
    if options["release_receipts"] is not None:
        fields["release_receipts"] = options["release_receipts"] == "yes"
    if options["documents"] is not None:
        kinds = _kinds(options["documents"])
        fields.update({flag: kind in kinds for kind, flag in _FLAGS.items()})
    for which in ("price", "quantity"):
        if (tolerance := options[f"{which}_tolerance"]) is not None:
            fields[f"{which}_percent"], fields[f"{which}_absolute"] = _tolerance(which, tolerance)
    if options["date_tolerance"] is not None:
        fields["date_days"] = _days(options["date_tolerance"])
    return fields


def _change(partner: TradingPartner, wanted: dict[str, Any]) -> list[str]:
    """Save what differs; the names of the fields that did."""
    changed = [field for field, value in wanted.items() if getattr(partner, field) != value]
    for field in changed:
        setattr(partner, field, wanted[field])
    try:
        partner.clean_fields(exclude=("company", "suppliers"))
    except ValidationError as error:
        raise Usage("; ".join(f"{field}: {' '.join(said)}" for field, said in error.message_dict.items())) from error
    if changed:
        partner._change_reason = _REASON  # type: ignore[attr-defined]  # how simple_history takes a reason
        partner.save(update_fields=changed)
    return changed


def _rules(partner: TradingPartner) -> dict[str, Any]:
    return {
        "company": partner.company.name,
        "trading_partner_id": partner.trading_partner_id,
        "name": partner.name,
        "vendor_number": partner.vendor_number,
        "documents": [kind for kind, flag in _FLAGS.items() if getattr(partner, flag)],
        "ack": partner.acknowledgment,
        "unmatched_invoice": partner.unmatched_invoice,
        "release_receipts": partner.release_receipts,
        "expense_account": partner.expense_account,
        "expense_subaccount": partner.expense_subaccount,
        "price_tolerance": _pair(partner.price_percent, partner.price_absolute),
        "quantity_tolerance": _pair(partner.quantity_percent, partner.quantity_absolute),
        "date_tolerance": partner.date_days,
        "routes": [
            {
                "supplier": route.supplier.number,
                "location": route.location,
                "branch": route.branch,
                "default": route.is_default,
            }
            for route in partner.routes.select_related("supplier").order_by("supplier__number", "location", "branch")
        ],
    }


def _pair(percent: Decimal | None, absolute: Decimal | None) -> dict[str, str | None]:
    """Figures as text, so that no reader makes floats of them; null: as the company has it."""
    return {"percent": _plain(percent), "absolute": _plain(absolute)}


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.normalize():f}"


def _shown(value: Any) -> str:
    if value in (None, "", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_shown(part) for part in value)
    return str(value)


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(part.strip() for part in text.split(",")) if text != "none" else frozenset()
    if unknown := sorted(kinds - set(_FLAGS)):
        raise Usage(
            f"--documents: unknown are {', '.join(map(repr, unknown))}; say some of {','.join(_FLAGS)}, or none"
        )
    return kinds


def _tolerance(which: str, text: str) -> tuple[Decimal | None, Decimal | None]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(re.fullmatch(r"([0-9]+(\.[0-9]+)?)?", part) for part in parts):
        raise Usage(f"--{which}-tolerance: say PCT,ABS like 2,0.50 (percent, then amount), not {text!r}")
    percent, absolute = (Decimal(part) if part else None for part in parts)
    return percent, absolute


def _days(text: str) -> int | None:
    if not re.fullmatch(r"[0-9]{0,5}", text):
        raise Usage(f"--date-tolerance: say a number of days, not {text!r}")
    return int(text) if text else None


def _segments(text: str) -> str:
    if text and not re.fullmatch(r"[0-9]+=[^;=\s]+(;[0-9]+=[^;=\s]+)*", text):
        raise Usage(f"--expense-subaccount: say segments like 1=00;2=10, not {text!r}")
    return text
