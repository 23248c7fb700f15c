"""The code lists and names of RSX 7.7.7 that we lean on, read off the published schemas (sps.md §9).

Only what decides something stands here: which names repeat, which hold numbers, which codes an order of ours may carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final


def _set(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


# Papers are at most some twenty levels deep; more than this is an attack on the reader's stack.
DEEPEST: Final = 100

# The 262 units, one list for every quantity. Traps: CS is a cassette, FO a fluid ounce, LT a litre (sps.md §9).
UNITS: Final = _set(
    """
    01 03 12 15 1N 2N 2P 2W 31 3F 3T 4E 4F 4G 50 5I 68 8C AA AD AF AM AS AV AY BA BB BC BD BF BG BI BJ BK BL BM
    BN BO BP BR BT BTU BU BX C3 C4 C8 CA CA1 CA2 CB CC CD CE CF CFM CG CH CI CL CM CN CP CQ CR CS CT CU CW CX CY
    DA DB DD DE DG DH DI DK DL DM DO DP DR DS DW DWT DZ E1 EA EP EV FA FF FO FT FYGD FZ GA GB GH GHZ GL GM GN
    GPM GR GS H1 H2 H3 H4 H6 HA HC HCF HD HF HK HL HR HS HU HV HY HZ I IM IN JA JO JR JU K6 KC KE KG KH KM KT KV
    KVA KVAH KW LB LF LG LI LK LM LN LO LR LS LT LU LY MB MC ME MG MHZ MJ MK ML MM MN MO MOA MP MR NG NS NX OP
    OZ P P3 P4 P5 P6 P7 P8 P9 PA PC PD PER PF PH PK PL PO PP PR PSI PT PV PXL PY Q1 Q4 Q5 Q6 Q7 QD QS QT RA RE
    RL RM RO SC SF SH SI SJ SL SM SO SP SQ ST SV SY SZ T4 TB TC TCF TE TH TI TK TL TM TO TP TR TRM TS TU TY U2
    U5 UN UZ VAR VC VI VO WA WD WG WK WR X8 Y4 YD YR ZC
    """
)

# What an order may say (Orders.schema.json); anything else would be refused on the other side.
ORDER_KINDS: Final = _set(
    """
    26 BH BK CF CN DS EO IM IN KC KN NP NS OS PR RE RL RO SA SD SP SS TS WH WO
    """
)

ADDRESS_TYPES: Final = _set(
    """
    88 9C AG BE BK BO BOWN BT BY CB CN CQ CS CT DA DE DS DV ESIID FR FW IA MF N1 NES OB PATI PF PLCO POAR PODI
    POEN POOR PR PW RAMP RI RL RT SF SO ST TO TP TS VN WH Z7
    """
)

LOCATION_QUALIFIERS: Final = _set(
    """
    1 10 11 15 21 33 6 9 91 92 A1 BE D K TPL UL
    """
)

PRICE_BASES: Final = _set(
    """
    CA HF HP HT HTH PD PE PF PG PK PN PO PP PS PT TF TT UM
    """
)

# Names that repeat: always lists in JSON, repeated elements in XML (sps.md §4.1). No name is both.
LIST_NAMES: Final = _set(
    """
    AdditionalContactDetails AdditionalPOTypeCodes Address CarrierInformation CarrierSpecialHandlingDetail
    ChargesAllowances Commodity ConditionOfSale Contacts ContainerLevel Dates FOBRelatedInstruction FloorReady
    ItemAttribute ItemLevel ItemLoadInfo LeadTime LineItem LineItemAcknowledgement LocationQuantity
    MarksAndNumbersCollection MasterItemAttribute Measurements MonetaryAmounts Notes OrderLevel PackLevel
    Packaging PalletInformation Paperwork PaymentTerms PhysicalDetails PriceInformation ProductID
    ProductOrItemDescription QuantitiesSchedulesLocations QuantityAndWeight QuantityTotals ReferenceIDs
    References RegulatoryCompliances RestrictionsOrConditions SealNumbers ServiceLevelCodes Subline Taxes
    """
)

# Names whose value is a number; XML writes it as text (sps.md §4.1a).
NUMBER_NAMES: Final = _set(
    """
    AllowChrgAmt AllowChrgPercent AllowChrgQty AllowChrgQty2 AllowChrgRate Amount AmountSubjectToDiscount
    BatchTotal CalculationSequence CumulativeQty DiscountAmountDue ExchangeRate ExtendedItemTotal Height
    InvoiceAmtDueByTermsDate InvoiceQty ItemScheduleQty LadingQuantity LatePaymentChargePercent LeadTimeQuantity
    Length LoadSize MeasurementValue MonetaryAmount MultiplePriceQuantity NumberOfLoads OrderQty PackHeight
    PackLength PackSize PackValue PackVolume PackWeight PackWidth PalletBlocks PalletTiers PalletValue
    PalletVolume PalletWeight PercentDollarBasis PercentOfInvoicePayable PriceMultiplier PurchasePrice Qty
    QtyLeftToReceive QtyPer Quantity Quantity1 RangeMaximum RangeMinimum RebateAmount ReportCopiesNeeded ShipQty
    TaxAmount TaxPercent TermsDeferredAmountDue TermsDiscountAmount TermsDiscountDueDays TermsDiscountPercentage
    TermsDueDay TermsNetDueDays TotalAllowancesAmount TotalAmount TotalCartonCount TotalChargesAmount
    TotalFreightCharges TotalLineItemNumber TotalNonFreightCharges TotalOrders TotalQty TotalSalesAmount
    TotalTaxesAndCharges TotalTermsDiscountAmount TransitTime UnitPrice UnitPriceBasisMultiplier UnitWeight
    UnitsShipped UnloadedHeight Value Volume Weight Width
    """
)

# How many pieces one price is for. Bases that name another unit (case, kilogram, foot, ton ...) are not here.
_DIVISORS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "": Decimal(1),
        "PE": Decimal(1),
        "UM": Decimal(1),
        "PN": Decimal(10),
        "PD": Decimal(12),
        "HP": Decimal(100),
        "HT": Decimal(1000),
        "TT": Decimal(10_000),
        "HTH": Decimal(100_000),
    }
)

# PT (ton), PO (ounce) and TF (1000 feet) are missing on purpose: RSX knows several tons, ounces and kinds of feet.
_BASIS_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {"CA": "CA", "PK": "KG", "PG": "GR", "PP": "LB", "PF": "FT", "HF": "HF", "PS": "TS"}
)


def price_divisor(basis: str) -> Decimal | None:
    """Pieces that one price covers (PD: 12), or None when the basis names another unit or is unknown (sps.md §9)."""
    return _DIVISORS.get(basis)


def basis_unit(basis: str) -> str:
    """The RSX unit that a price basis names (PK: KG), or "" when it names none or none for certain.

    `price_divisor` None together with "" here means: nobody can tell what the price is for.
    """
    return _BASIS_UNITS.get(basis, "")
