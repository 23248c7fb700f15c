"""Who we trade with, what their numbers mean, and mirrors of what Visma holds."""

from mapping.models.mirrors import CANCELLED, Booking, BookingLine, Item, ItemNumber, ItemUnit, Order, OrderLine
from mapping.models.parties import Company, PartnerRoute, Supplier, SupplierLocation, TradingPartner
from mapping.models.references import ItemReference, ItemTolerance, NumberKind, TaxMapping, UnitMapping

__all__ = [
    "CANCELLED",
    "Booking",
    "BookingLine",
    "Company",
    "Item",
    "ItemNumber",
    "ItemReference",
    "ItemTolerance",
    "ItemUnit",
    "NumberKind",
    "Order",
    "OrderLine",
    "PartnerRoute",
    "Supplier",
    "SupplierLocation",
    "TaxMapping",
    "TradingPartner",
    "UnitMapping",
]
