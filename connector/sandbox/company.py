"""The company of the sandbox: four suppliers (one behind no SPS account), items with barcodes and units, accounts.

The mapping files that fit it are made here too, in the columns that `manage.py map` reads.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from connector.sandbox.visma_books import Books
from connector.sandbox.wire import Json

EXPENSE_ACCOUNT = "4360"


@dataclass(frozen=True)
class Firm:
    """A supplier; without `partner` it is not reached through SPS."""

    number: str
    name: str
    partner: str
    vendor: str
    currency: str
    country: str


@dataclass(frozen=True)
class Article:
    """A stock item: price per `unit` (its purchase unit), `per_carton` pieces in a KRT when it is bought in cartons."""

    number: str
    text: str
    supplier: str
    vendor_number: str
    ean: str
    unit: str
    price: Decimal
    per_carton: int = 0
    lots: bool = False
    receipt_action: str = "AcceptButWarn"


FIRMS = (
    Firm("50000", "Nordic Parts AS", "NORDICPARTS01", "V-50000", "NOK", "NO"),
    Firm("50001", "Svenska Verktyg AB", "SVVERKTYG01", "V-50001", "SEK", "SE"),
    Firm("50002", "Jysk Emballage ApS", "JYSKEMBALLAGE", "V-50002", "DKK", "DK"),
    Firm("50003", "Lokal Snekker AS", "", "", "NOK", "NO"),
)
_PRICE = Decimal
ARTICLES = (
    Article("1001-BLK", "Hinge, black", "50000", "NP-77410", "7035550001231", "STK", _PRICE("48.00")),
    Article("1002-WHT", "Hinge, white", "50000", "NP-77411", "7035550001248", "STK", _PRICE("75.00")),
    Article("1003-SCR", "Screws in boxes", "50000", "NP-80010", "7035550001255", "KRT", _PRICE("240.00"), 12),
    Article("1004-GLU", "Wood glue", "50000", "NP-90001", "7035550001262", "STK", _PRICE("89.50"), 0, True),
    Article("2001-OIL", "Linseed oil", "50001", "SV-1", "7310550002007", "KG", _PRICE("32.75")),
    Article("2002-SAW", "Hand saw", "50001", "SV-2", "7310550002014", "STK", _PRICE("199.00"), 0, False, "Reject"),
    Article("3001-BOX", "Cardboard box", "50002", "JE-0007", "5701230003001", "KRT", _PRICE("60.00"), 12),
    Article("3002-TAP", "Packing tape", "50002", "JE-0008", "5701230003018", "STK", _PRICE("18.25"), 36),
    Article("9001-OAK", "Oak plank", "50003", "LS-1", "7035559990017", "STK", _PRICE("410.00")),
)
UNITS = (("STK", "EA"), ("KRT", "CT"), ("KG", "KG"))
_VAT = (("1", "Standard", Decimal(25)), ("2", "Food", Decimal(15)), ("3", "Exempt", Decimal(0)))
_ACCOUNTS = (
    ("2960", "Goods received, not invoiced", "Liability"),
    ("4300", "Goods", "Expense"),
    (EXPENSE_ACCOUNT, "Freight and charges", "Expense"),
    ("7770", "Bank charges", "Expense"),
)


def articles_of(supplier: str) -> list[Article]:
    """What a supplier sells."""
    return [article for article in ARTICLES if article.supplier == supplier]


def seed_company(books: Books) -> None:
    """Write the company into empty books; no orders yet."""
    with books.lock:
        _seed_master(books)
        for position, firm in enumerate(FIRMS):
            _seed_firm(books, firm, position)
        for position, article in enumerate(ARTICLES):
            books.add(books.items, article.number, _item(article, 5521 + position), "setup", "timestamp")


def _seed_master(books: Books) -> None:
    for number, name in (("1", "Example Company AS"), ("2", "Example Company AS, Bergen")):
        body: Json = {"branchId": int(number), "number": number, "name": name, "isActive": True}
        books.add(books.branches, number, body | {"isMainBranch": number == "1"}, "setup", "")
    for number, text, kind in _ACCOUNTS:
        books.add(books.accounts, number, {"accountCD": number, "description": text, "type": kind} | _ACTIVE, "setup")
    for category, text, rate in _VAT:
        line: Json = {"vatId": f"I{rate:.0f}", "description": text, "vatRates": [{"revisionID": "1", "vatRate": rate}]}
        body = {"vatCategoryId": category, "description": text, "vatCategoryLines": [line]}
        books.add(books.vat_categories, category, body | _ACTIVE, "setup", "")
    for days in ("14", "30"):
        books.add(books.credit_terms, days, {"termsId": days, "description": f"{days} days"}, "setup", "")


_ACTIVE = {"active": True}


def _seed_firm(books: Books, firm: Firm, position: int) -> None:
    party = {"internalId": 1042 + position, "number": firm.number, "name": firm.name}
    address: Json = {
        "addressId": 2210 + position,
        "addressLine1": "Industriveien 4",
        "postalCode": "0581",
        "city": "Oslo",
        "country": {"id": firm.country, "name": firm.country},
    }
    contact = {"contactId": 3310 + position, "name": firm.name, "attention": "Orders", "email": "orders@example.com"}
    body: Json = {
        **party,
        "status": "Active",
        "mainAddress": address,
        "mainContact": contact,
        "accountReference": "CUST-7781",
        "supplierClass": {"id": "1", "description": "Domestic suppliers"},
        "creditTerms": {"id": "30", "description": "30 days"},
        "currencyId": firm.currency,
        "location": {"id": "MAIN", "name": "Primary location"},
        "vatRegistrationId": f"{firm.country}99988877{position}MVA",
        "corporateId": f"99988877{position}",
        "attributes": [],
    }
    books.add(books.suppliers, firm.number, body, "setup")
    for place in ("MAIN", "WEST")[: 2 if position == 0 else 1]:
        location: Json = {"baccount": party, "locationId": place, "locationName": f"{firm.name} {place}", **_ACTIVE}
        location |= {"address": address, "contact": contact, "ediCode": firm.partner if place == "MAIN" else ""}
        location |= {"gln": f"70800000{position}{len(place)}014" if firm.partner else ""}
        books.add(books.locations, f"{firm.number}/{place}", location, "setup")


def _item(article: Article, number: int) -> Json:
    firm = next(firm for firm in FIRMS if firm.number == article.supplier)
    base = "STK" if article.per_carton else article.unit
    units: list[Json] = []
    if article.per_carton:
        units = [
            {"fromUnit": "KRT", "toUnit": base, "unitMultDiv": "Multiply", "unitRate": Decimal(article.per_carton)}
        ]
    crossed: list[Json] = [
        {"alternateType": "Barcode", "alternateID": article.ean, "uom": base},
        {"alternateType": "VPN", "alternateID": article.vendor_number}
        | {"bAccount": {"number": firm.number, "name": firm.name}},
    ]
    supplied: Json = {"active": True, "default": True, "supplierId": firm.number, "supplierName": firm.name}
    supplied |= {"supplierItemId": article.vendor_number, "purchaseUnit": article.unit}
    return {
        "inventoryId": number,
        "inventoryNumber": article.number,
        "status": "Active",
        "type": "FinishedGoodItem",
        "description": article.text,
        "vatCode": {"id": "1", "description": "Standard"},
        "lotSerialClass": {"id": "LOT", "description": "Lot tracked"} if article.lots else None,
        "baseUnit": base,
        "salesUnit": base,
        "purchaseUnit": article.unit,
        "stockItem": True,
        "kitItem": False,
        "crossReferences": crossed,
        "supplierDetails": [supplied],
        "inventoryUnits": units,
    }


def mapping_csvs() -> dict[str, str]:
    """Contents of the four mapping files: suppliers, items, units (1 unit = factor rsx units), taxes."""
    reached = [firm for firm in FIRMS if firm.partner]
    partner = {firm.number: firm.partner for firm in reached}
    sold = [article for article in ARTICLES if article.supplier in partner]
    numbers = [(partner[a.supplier], a.vendor_number, "vendor", a.number) for a in sold]
    numbers += [(partner[a.supplier], f"0{a.ean}", "gtin", a.number) for a in sold]
    return {
        "suppliers": _csv(
            ("supplier", "trading_partner_id", "vendor_number", "name", "location", "branch", "default"),
            [(firm.number, firm.partner, firm.vendor, firm.name, "", "", "yes") for firm in reached],
        ),
        "items": _csv(("trading_partner_id", "their_number", "number_kind", "item"), numbers),
        "units": _csv(("unit", "rsx_unit", "factor"), [(unit, rsx, "1") for unit, rsx in UNITS]),
        "taxes": _csv(
            ("trading_partner_id", "tax_type", "percent", "vat_category"),
            [(firm.partner, "VA", "25", "1") for firm in reached],
        ),
    }


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
