"""What the papers have in common: item numbers, references, dates, taxes, charges, parties, and how each is read.

All models are frozen; a missing text is "", a missing number or date None (sps.md §5 to §9).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from connector.rsx.block import Block
from connector.rsx.codes import UNITS, basis_unit, price_divisor

__all__ = [
    "UNITS",
    "Charge",
    "ItemNumbers",
    "Paper",
    "PaperDate",
    "Party",
    "Reference",
    "Tax",
    "basis_unit",
    "charges",
    "currency",
    "dates",
    "description",
    "item_numbers",
    "parties",
    "price_divisor",
    "references",
    "taxes",
    "trading_partner",
]


class Paper(BaseModel):
    """Ground of all models of this room: frozen, and nothing unexpected goes in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ItemNumbers(Paper):
    """Every number that a paper gives an item; which one counts is the matching's business (sps.md §6)."""

    buyer: str = ""
    vendor: str = ""
    gtins: tuple[str, ...] = ()
    upcs: tuple[str, ...] = ()
    other: tuple[tuple[str, str], ...] = ()

    @property
    def barcodes14(self) -> tuple[str, ...]:
        """All barcodes as 14 digits, zero-padded, each once, in the order written; what is no barcode is skipped."""
        digits = (code for code in (*self.gtins, *self.upcs) if code.isascii() and code.isdigit() and len(code) <= 14)
        return tuple(dict.fromkeys(code.zfill(14) for code in digits if code.strip("0")))

    @property
    def named(self) -> str:
        """One of them, as the paper writes it, for a sentence; "" for none."""
        return next((number for number in (self.vendor, *self.gtins, *self.upcs, self.buyer) if number), "")


class Reference(Paper):
    qualifier: str = ""
    number: str = ""
    description: str = ""


class PaperDate(Paper):
    """A date with its kind (002 requested delivery …); `date` is None when `raw` does not parse."""

    qualifier: str = ""
    date: dt.date | None = None
    raw: str = ""
    time: str = ""


class Tax(Paper):
    """A tax as stated; `percent` is 0 to 100, `relationship` A added, I included, O information only (sps.md §8)."""

    type: str = ""
    amount: Decimal | None = None
    percent: Decimal | None = None
    base: Decimal | None = None
    relationship: str = ""
    exempt: str = ""
    handling: str = ""
    description: str = ""


class Charge(Paper):
    """A charge (`indicator` C) or an allowance (A) as stated; `percent` is 0 to 100 of `base` or `percent_basis`."""

    indicator: str = ""
    code: str = ""
    amount: Decimal | None = None
    percent: Decimal | None = None
    percent_basis: str = ""
    base: Decimal | None = None
    rate: Decimal | None = None
    quantity: Decimal | None = None
    handling: str = ""
    description: str = ""
    sequence: int | None = None
    taxes: tuple[Tax, ...] = ()


class Party(Paper):
    """An address with its role (ST ship to, VN vendor …); `location` is a number of the kind `qualifier` says.

    `street` has its lines, four at the most.
    """

    type: str = ""
    qualifier: str = ""
    location: str = ""
    name: str = ""
    street: tuple[str, ...] = ()
    city: str = ""
    postal_code: str = ""
    country: str = ""


def trading_partner(header: Block) -> str:
    """The id of the relationship at SPS, 1 to 15 characters (sps.md §4.1); Unreadable when it is missing."""
    found = header.required_text("TradingPartnerId")
    if len(found) > 15:
        header.warn("TradingPartnerId", f"{found[:40]!r} is longer than 15 characters")
    return found


def currency(header: Block) -> str:
    """The currency of a paper's amounts: the buyer's, else the seller's, in capitals; "" where none is stated."""
    return (header.text("BuyersCurrency") or header.text("SellersCurrency")).upper()


def item_numbers(line: Block) -> ItemNumbers:
    """All numbers of an item in a line block of any paper."""
    more = [(one.text("PartNumberQual"), one.text("PartNumber")) for one in line.blocks("ProductID")]
    return ItemNumbers(
        buyer=line.text("BuyerPartNumber"),
        vendor=line.text("VendorPartNumber"),
        gtins=_present(line.text("GTIN"), line.text("EAN"), *_of(more, "ZGTIN", "ZEAN")),
        upcs=_present(line.text("ConsumerPackageCode"), line.text("UPCCaseCode"), *_of(more, "ZUPC")),
        other=tuple(one for one in more if one[1] and one[0] not in ("ZGTIN", "ZEAN", "ZUPC")),
    )


def _of(numbers: list[tuple[str, str]], *qualifiers: str) -> Iterator[str]:
    return (number for qualifier, number in numbers if qualifier in qualifiers)


def _present(*texts: str) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def references(block: Block) -> tuple[Reference, ...]:
    """`References[]` of a block, each followed by the further ids it holds."""
    return tuple(reference for one in block.blocks("References") for reference in _reference(one))


def _reference(block: Block) -> Iterator[Reference]:
    for one in (block, *block.blocks("ReferenceIDs")):
        qualifier, number = one.text("ReferenceQual"), one.text("ReferenceID")
        text = one.text("Description", needed=False)
        if qualifier or number or text:
            yield Reference(qualifier=qualifier, number=number, description=text)


def dates(block: Block) -> tuple[PaperDate, ...]:
    """`Dates[]` of a block; one that does not parse keeps its raw text and leaves a warning."""
    return tuple(_paper_date(one) for one in block.blocks("Dates"))


def _paper_date(block: Block) -> PaperDate:
    raw = block.text("Date", needed=False)
    return PaperDate(
        qualifier=block.text("DateTimeQualifier", needed=False),
        date=block.date("Date"),
        raw=raw,
        time=block.text("Time", needed=False),
    )


def taxes(block: Block) -> tuple[Tax, ...]:
    """`Taxes[]` of a header, a line or a charge."""
    return tuple(_tax(one) for one in block.blocks("Taxes", needed=True))


def _tax(block: Block) -> Tax:
    return Tax(
        type=block.text("TaxTypeCode"),
        amount=block.number("TaxAmount"),
        percent=block.number("TaxPercent"),
        base=block.number("PercentDollarBasis"),
        relationship=block.text("RelationshipCode"),
        exempt=block.text("TaxExemptCode"),
        handling=block.text("TaxHandlingCode"),
        description=block.text("Description", needed=False),
    )


def charges(block: Block) -> tuple[Charge, ...]:
    """`ChargesAllowances[]` of a header or a line, as stated."""
    return tuple(_charge(one) for one in block.blocks("ChargesAllowances", needed=True))


def _charge(block: Block) -> Charge:
    return Charge(
        indicator=block.text("AllowChrgIndicator"),
        code=block.text("AllowChrgCode"),
        amount=block.number("AllowChrgAmt"),
        percent=block.number("AllowChrgPercent"),
        percent_basis=block.text("AllowChrgPercentQual"),
        base=block.number("PercentDollarBasis"),
        rate=block.number("AllowChrgRate"),
        quantity=block.number("AllowChrgQty"),
        handling=block.text("AllowChrgHandlingCode"),
        description=block.text("AllowChrgHandlingDescription", needed=False),
        sequence=block.whole("CalculationSequence"),
        taxes=taxes(block),
    )


def parties(block: Block) -> tuple[Party, ...]:
    """`Address[]` of a header."""
    return tuple(_party(one) for one in block.blocks("Address"))


def _party(block: Block) -> Party:
    street = (block.text(f"Address{number}", needed=False) for number in (1, 2, 3, 4))
    return Party(
        type=block.text("AddressTypeCode", needed=False),
        qualifier=block.text("LocationCodeQualifier", needed=False),
        location=block.text("AddressLocationNumber", needed=False),
        name=block.text("AddressName", needed=False),
        street=tuple(line for line in street if line),
        city=block.text("City", needed=False),
        postal_code=block.text("PostalCode", needed=False),
        country=block.text("Country", needed=False),
    )


def description(line_item: Block) -> str:
    """The item's description: that of characteristic 08 (product), else the first one there is (sps.md §5)."""
    found = [
        (one.text("ProductCharacteristicCode", needed=False), one.text("ProductDescription", needed=False))
        for one in line_item.blocks("ProductOrItemDescription")
    ]
    ordered = sorted((one for one in found if one[1]), key=lambda one: one[0] != "08")
    return ordered[0][1] if ordered else ""
