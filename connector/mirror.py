"""Writes what Visma shows into the mirrors, only where it differs, and says which orders are concerned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery

from connector.http import lossless
from connector.visma.rows import Dto
from connector.visma.schemas import (
    InventoryDto,
    PurchaseOrderDto,
    PurchaseReceiptDto,
    Row,
    SupplierDto,
    SupplierInvoiceDto,
    SupplierLocationDto,
)
from mapping.locks import change_mappings, lock_orders
from mapping.models import (
    Booking,
    BookingLine,
    Company,
    Item,
    ItemNumber,
    ItemUnit,
    NumberKind,
    Order,
    OrderLine,
    Supplier,
    SupplierLocation,
)
from mapping.models.references import comparable

T = TypeVar("T", bound=Dto)
ZERO = Decimal(0)
UNTOLD = ("metadata",)  # counts of the list, nothing of the row


def canonical(raw: dict[str, Any]) -> bytes:
    """A row as JSON, numbers as they came."""
    return lossless.written({name: raw[name] for name in sorted(raw)}).encode()


def hash_of(raw: dict[str, Any]) -> str:
    """What tells whether a row differs; stamps move without a business change (visma.md §3), so they count as well."""
    return hashlib.sha256(canonical({name: value for name, value in raw.items() if name not in UNTOLD})).hexdigest()


def suppliers(company: Company, rows: Iterable[Row[SupplierDto]]) -> int:
    """Returns how many differed."""
    known = dict(company.suppliers.values_list("number", "content_hash"))
    changed = 0
    for dto, digest in _differing(rows, known, lambda dto: dto.number):
        changed += 1
        columns = {
            "name": dto.name,
            "status": dto.status,
            "currency": dto.currency_id,
            "vat_registration": dto.vat_registration_id,
            "corporate_id": dto.corporate_id,
            "our_number": dto.account_reference,
            "credit_terms": dto.credit_terms.id,
            "content_hash": digest,
            "modified": dto.last_modified_date_time,
        }
        Supplier.objects.update_or_create(company=company, number=dto.number, defaults=columns)
    _own(company)
    return changed


def _own(company: Company) -> None:
    """Orders that came before their supplier, or in the same moment, are its."""
    named = company.suppliers.filter(number=OuterRef("supplier_number"))
    company.orders.filter(Exists(named), supplier=None).update(supplier=Subquery(named.values("pk")))


def locations(company: Company, rows: Iterable[Row[SupplierLocationDto]]) -> int:
    """Locations of mirrored suppliers; `ediCode` and `gln` are offered as partner ids. Returns how many are of others."""
    owners = {supplier.number: supplier for supplier in company.suppliers.all()}
    left_out = 0
    for row in rows:
        supplier, digest = owners.get(row.dto.baccount.number), hash_of(row.raw)
        if supplier is None:
            left_out += 1
            continue
        columns = {
            "name": row.dto.location_name,
            "edi_code": row.dto.edi_code,
            "gln": row.dto.gln,
            "content_hash": digest,
        }
        known = supplier.locations.filter(location=row.dto.location_id).first()
        if known is None or known.content_hash != digest:
            SupplierLocation.objects.update_or_create(supplier=supplier, location=row.dto.location_id, defaults=columns)
    return left_out


def items(company: Company, rows: Iterable[Row[InventoryDto]]) -> int:
    """Items with their cross references and unit conversions."""
    known = dict(company.items.values_list("number", "content_hash"))
    changed = 0
    for dto, digest in _differing(rows, known, lambda dto: dto.inventory_number):
        changed += 1
        columns = {
            "description": dto.description[:255],
            "status": dto.status,
            "is_stock": dto.stock_item is not False,
            "base_unit": dto.base_unit,
            "purchase_unit": dto.purchase_unit,
            "content_hash": digest,
            "modified": dto.last_modified_date_time,
        }
        with transaction.atomic():
            change_mappings(company)
            item, _ = Item.objects.update_or_create(company=company, number=dto.inventory_number, defaults=columns)
            item.units.all().delete()
            ItemUnit.objects.bulk_create(_units(item, dto))
            item.numbers.all().delete()
            ItemNumber.objects.bulk_create(_numbers(item, dto))
    return changed


def orders(company: Company, rows: Sequence[Row[PurchaseOrderDto]]) -> list[Order]:
    """The orders that differ from what was known, or are new."""
    wanted = [row.dto.order_nbr for row in rows]
    known = dict(company.orders.filter(number__in=wanted).values_list("number", "content_hash"))
    named = {row.dto.supplier.number for row in rows}
    owners = {supplier.number: supplier for supplier in company.suppliers.filter(number__in=named)}
    return [
        _order(company, row, digest, owners.get(row.dto.supplier.number))
        for row in rows
        if known.get(row.dto.order_nbr) != (digest := hash_of(row.raw))
    ]


def receipts(company: Company, rows: Iterable[Row[PurchaseReceiptDto]]) -> set[str]:
    """Purchase receipts, whoever made them. Returns the orders whose receipts differ."""
    touched: set[str] = set()
    for row in rows:
        dto = row.dto
        columns = {
            "status": dto.status,
            "supplier_number": dto.supplier.number,
            "reference": dto.supplier_ref,
            "key": dto.custom_str1,
            "currency": dto.currency,
            "amount": dto.total_amt,
            "date": dto.date,
        }
        lines = [
            BookingLine(
                number=line.line_nbr or place,
                order_number=line.po_order_nbr,
                order_line_number=line.po_order_line_nbr,
                item=line.inventory.number,
                unit=line.uom,
                quantity=line.receipt_qty or ZERO,
                amount=line.ext_cost or line.amount or ZERO,
            )
            for place, line in enumerate(dto.lines, start=1)
        ]
        identity = (Booking.Kind.RECEIPT, dto.receipt_type or "PoReceipt", dto.receipt_nbr)
        touched |= _booking(company, identity, columns, lines, row.raw, dto.last_modified_date_time)
    return touched


def invoices(company: Company, rows: Iterable[Row[SupplierInvoiceDto]]) -> set[str]:
    """Supplier invoices, whoever made them. Returns the orders whose invoices differ."""
    touched: set[str] = set()
    for row in rows:
        dto = row.dto
        columns = {
            "status": dto.status,
            "supplier_number": dto.supplier.number,
            "reference": dto.supplier_reference,
            "currency": dto.currency_id,
            "amount": dto.amount,
            "balance": dto.balance,
            "date": dto.date,
        }
        lines = [
            BookingLine(
                number=line.line_number or place,
                order_number=line.po_number,
                order_line_number=line.po_line_nr,
                receipt_number=line.po_receipt_nbr,
                receipt_line_number=line.po_receipt_line_nbr,
                item=line.inventory_number,
                unit=line.uom,
                quantity=line.quantity or ZERO,
                amount=line.cost_in_currency or line.cost or ZERO,
            )
            for place, line in enumerate(dto.invoice_lines, start=1)
        ]
        identity = (Booking.Kind.INVOICE, dto.document_type or "Invoice", dto.reference_number)
        touched |= _booking(company, identity, columns, lines, row.raw, dto.last_modified_date_time)
    return touched


def deleted(booking: Booking) -> set[str]:
    """Nothing over there answers to its number any more. Returns the orders that it was about."""
    touched = _orders_of(booking)
    with transaction.atomic():
        lock_orders(booking.company, touched)
        Booking.objects.filter(pk=booking.pk).update(
            status=Booking.DELETED, content_hash=""
        )  # should it come again, it differs
    return touched


def has_seen(company: Company, dto: SupplierInvoiceDto) -> bool:
    """Whether an invoice is mirrored as of its stamp: a list row without lines then says nothing new."""
    return Booking.objects.filter(
        company=company,
        kind=Booking.Kind.INVOICE,
        type=dto.document_type or "Invoice",
        number=dto.reference_number,
        modified=dto.last_modified_date_time,
    ).exists()


def _differing(
    rows: Iterable[Row[T]], known: Mapping[str, str], number_of: Callable[[T], str]
) -> Iterator[tuple[T, str]]:
    """One after another, with the hash of each: a list of any length fits into memory."""
    for row in rows:
        digest = hash_of(row.raw)
        if known.get(number_of(row.dto)) != digest:
            yield row.dto, digest


def _booking(
    company: Company,
    identity: tuple[str, str, str],
    columns: dict[str, Any],
    lines: list[BookingLine],
    raw: dict[str, Any],
    modified: str,
) -> set[str]:
    """One booking with its lines, if it differs; the orders that its lines name."""
    kind, document_type, number = identity
    digest = hash_of(raw)
    where: dict[str, Any] = {"company": company, "kind": kind, "type": document_type, "number": number}
    known = Booking.objects.filter(**where).first()
    if known and known.content_hash == digest:
        return set()
    touched = {line.order_number for line in lines if line.order_number} | (_orders_of(known) if known else set())
    with transaction.atomic():
        lock_orders(company, touched)
        defaults = {**columns, "content_hash": digest, "modified": modified}
        booking, _ = Booking.objects.update_or_create(**where, defaults=defaults)
        booking.lines.all().delete()
        numbered = {line.number: line for line in lines}
        for line in numbered.values():
            line.booking = booking
        BookingLine.objects.bulk_create(numbered.values())
    return touched


def _orders_of(booking: Booking) -> set[str]:
    return set(booking.lines.exclude(order_number="").values_list("order_number", flat=True))


def _order(company: Company, row: Row[PurchaseOrderDto], digest: str, supplier: Supplier | None) -> Order:
    dto = row.dto
    columns = {
        "order_type": dto.order_type,
        "status": dto.status,
        "on_hold": bool(dto.hold),
        "date": dto.date,
        "supplier_number": dto.supplier.number,
        "supplier": supplier,
        "location": dto.location.id,
        "location_name": dto.location.name,
        "branch": dto.branch.number,
        "currency": dto.currency,
        "promised_on": dto.promised_on,
        "total": dto.order_total,
        "etag": dto.time_stamp,
        "modified": dto.last_modified_date_time,
        "content_hash": digest,
        "row": canonical(row.raw),
    }
    with transaction.atomic():
        lock_orders(company, [dto.order_nbr])
        order, _ = Order.objects.update_or_create(company=company, number=dto.order_nbr, defaults=columns)
        present = {line.line_nbr: line for line in dto.lines if line.line_nbr is not None}
        order.lines.exclude(number__in=present).update(is_present=False)
        for number, line in present.items():
            OrderLine.objects.update_or_create(
                order=order,
                number=number,
                defaults={
                    "item": line.inventory.number,
                    "description": (line.line_description or line.inventory.description)[:255],
                    "vendor_number": line.alternate_id,
                    "line_type": line.line_type,
                    "unit": line.uom,
                    "quantity": line.order_qty or ZERO,
                    "unit_cost": line.unit_cost or ZERO,
                    "amount": line.amount or line.ext_cost or ZERO,
                    "on_receipts": line.qty_on_receipts or ZERO,
                    "requested": line.requested,
                    "promised": line.promised,
                    "completed": bool(line.completed),
                    "cancelled": bool(line.canceled),
                    "is_present": True,
                },
            )
    return order


def _units(item: Item, dto: InventoryDto) -> list[ItemUnit]:
    """`unitMultDiv` says whether one `fromUnit` is rate times the other, or a rate-th of it."""
    found = {}
    for unit in dto.inventory_units:
        if unit.from_unit and unit.to_unit and unit.unit_rate and unit.unit_rate > 0 and unit.from_unit != unit.to_unit:
            divides = unit.unit_mult_div.strip().casefold().startswith("d")
            found[unit.from_unit, unit.to_unit] = 1 / unit.unit_rate if divides else unit.unit_rate
    return [
        ItemUnit(item=item, from_unit=start, to_unit=end, factor=round(factor, 12))
        for (start, end), factor in found.items()
    ]


def _numbers(item: Item, dto: InventoryDto) -> list[ItemNumber]:
    """Barcodes as 14 digits; a supplier's number from the cross references and from the supplier's details."""
    found = [
        (row.alternate_type, row.alternate_id, row.b_account.number if row.alternate_type == "VPN" else "", row.uom)
        for row in dto.cross_references
        if row.alternate_id and row.alternate_type in ("Barcode", "Global", "VPN")
    ]
    found += [
        ("VPN", row.supplier_item_id, row.supplier_id, "") for row in dto.supplier_details if row.supplier_item_id
    ]
    return [
        ItemNumber(
            item=item,
            kind=kind,
            number=number[:80],
            compared_as=comparable(NumberKind.VENDOR if kind == "VPN" else NumberKind.GTIN, number)[:80],
            supplier_number=supplier,
            unit=unit,
        )
        for kind, number, supplier, unit in dict.fromkeys(found)
    ]
