"""Master data as we read it from Visma: suppliers and their locations, items, branches (visma.md §9.1, 9.6, 9.8)."""

from __future__ import annotations

from decimal import Decimal

from pydantic import AliasChoices, Field

from connector.visma.rows import Address, Coded, Contact, Dto, Party, Stamped, Text


class SupplierDto(Stamped):
    """Key: `number` (visma.md §9.1). `account_reference` is our customer number at the supplier."""

    internal_id: int | None = None
    number: Text = ""
    name: Text = ""
    status: Text = ""
    main_address: Address = Address()
    main_contact: Contact = Contact()
    account_reference: Text = ""
    supplier_class: Coded = Coded()
    credit_terms: Coded = Coded()
    currency_id: Text = ""
    document_language: Text = ""
    location: Coded = Coded()
    vat_registration_id: Text = ""
    corporate_id: Text = ""
    vat_zone: Coded = Coded()


class SupplierLocationDto(Stamped):
    """Key: `baccount.number` and `location_id`. `edi_code` and `gln` are offered as trading-partner ids."""

    baccount: Party = Party()
    location_id: Text = ""
    location_name: Text = ""
    active: bool | None = None
    address: Address = Address()
    contact: Contact = Contact()
    vat_registration_id: Text = ""
    corporate_id: Text = ""
    edi_code: Text = ""
    gln: Text = ""


class CrossReference(Dto):
    """`alternate_type`: CPN, VPN (with `b_account`), Global, Barcode (visma.md §9.6)."""

    alternate_type: Text = ""
    b_account: Party = Party()
    alternate_id: Text = Field("", validation_alias=AliasChoices("alternateID", "alternateId"))
    description: Text = ""
    uom: Text = ""


class InventoryUnit(Dto):
    """A conversion: one `from_unit` is `unit_rate` `to_unit`, multiplied or divided as `unit_mult_div` says."""

    unit_type: int | None = None
    inventory_id: int | None = Field(None, validation_alias=AliasChoices("inventoryID", "inventoryId"))
    from_unit: Text = ""
    to_unit: Text = ""
    unit_mult_div: Text = ""
    unit_rate: Decimal | None = None


class SupplierDetail(Dto):
    """How one supplier delivers an item; `supplier_item_id` is the supplier's own number for it."""

    active: bool | None = None
    default: bool | None = None
    supplier_id: Text = ""
    supplier_name: Text = ""
    supplier_item_id: Text = ""
    location: Text = ""
    warehouse: Text = ""
    purchase_unit: Text = ""
    currency_id: Text = ""
    last_supplier_price: Decimal | None = None


class InventoryDto(Stamped):
    """Key: `inventory_number`. The three lists come only when expanded; `stock_item` decides the invoice link rule."""

    inventory_id: int | None = None
    inventory_number: Text = ""
    status: Text = ""
    type: Text = ""
    description: Text = ""
    base_unit: Text = ""
    sales_unit: Text = ""
    purchase_unit: Text = ""
    stock_item: bool | None = None
    kit_item: bool | None = None
    vat_code: Coded = Coded()
    lot_serial_class: Coded = Coded()
    default_warehouse: Coded = Coded()
    cross_references: list[CrossReference] = []
    inventory_units: list[InventoryUnit] = []
    supplier_details: list[SupplierDetail] = []


class BranchDto(Dto):
    number: Text = ""
    name: Text = ""
    is_active: bool | None = None
