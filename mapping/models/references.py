"""Their numbers, units and tax codes and ours. People edit these; every change has a history and a reason."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.validators import MinValueValidator
from django.db import models
from simple_history.models import HistoricalRecords

from mapping.models.mapped import Mapped, MappedForPartner
from mapping.models.parties import Company, Tolerances, TradingPartner


class NumberKind(models.TextChoices):
    VENDOR = "vendor", "their item number"
    BUYER = "buyer", "our item number, as they write it"
    GTIN = "gtin", "GTIN"
    UPC = "upc", "UPC"


class ItemReference(MappedForPartner):
    """A number that a partner uses, and the item it means. Barcodes are kept as written and compared as 14 digits."""

    partner = models.ForeignKey(TradingPartner, on_delete=models.CASCADE, related_name="item_references")
    number_kind = models.CharField(max_length=10, choices=NumberKind)
    their_number = models.CharField(max_length=80)
    compared_as = models.CharField(
        max_length=80, editable=False, help_text="their number in the form it is looked up by"
    )
    item = models.CharField(max_length=60, help_text="Visma's inventory number")
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "number_kind", "compared_as"], name="a_number_of_a_partner_means_one_item"
            )
        ]
        ordering = ["partner", "number_kind", "their_number"]

    def __str__(self) -> str:
        return f"{self.get_number_kind_display()} {self.their_number} = {self.item}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.compared_as = comparable(self.number_kind, self.their_number)
        super().save(*args, **kwargs)


class UnitMapping(Mapped):
    """Visma's unit and its RSX unit: one `unit` is `factor` `rsx_unit`s. A partner's own mapping goes before the company's."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="unit_mappings")
    partner = models.ForeignKey(
        TradingPartner, on_delete=models.CASCADE, related_name="unit_mappings", null=True, blank=True
    )
    unit = models.CharField(max_length=10)
    rsx_unit = models.CharField("RSX unit", max_length=3)
    factor = models.DecimalField(
        max_digits=19, decimal_places=6, default=Decimal(1), validators=[MinValueValidator(Decimal("0.000001"))]
    )
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "partner", "unit"], name="a_unit_is_mapped_once_per_partner"),
            models.UniqueConstraint(
                fields=["company", "unit"],
                condition=models.Q(partner=None),
                name="a_unit_is_mapped_once_for_all_partners",
            ),
            models.CheckConstraint(condition=models.Q(factor__gt=0), name="a_unit_factor_is_positive"),
        ]
        ordering = ["company", "unit"]

    def __str__(self) -> str:
        return f"1 {self.unit} = {self.factor.normalize():f} {self.rsx_unit}"


class TaxMapping(MappedForPartner):
    """A tax as a partner states it, and Visma's VAT category for lines without a receipt (visma.md §9.4)."""

    partner = models.ForeignKey(TradingPartner, on_delete=models.CASCADE, related_name="tax_mappings")
    tax_type = models.CharField(max_length=5)
    percent = models.DecimalField(max_digits=9, decimal_places=4)
    vat_category = models.CharField("VAT category", max_length=20)
    updated_at = models.DateTimeField(auto_now=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "tax_type", "percent"], name="a_tax_of_a_partner_is_mapped_once")
        ]
        ordering = ["partner", "tax_type", "percent"]

    def __str__(self) -> str:
        return f"{self.tax_type} {self.percent.normalize():f} % = {self.vat_category}"


class ItemTolerance(Mapped, Tolerances):
    """Tolerances of one item, for one partner or for all."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="item_tolerances")
    partner = models.ForeignKey(
        TradingPartner, on_delete=models.CASCADE, related_name="item_tolerances", null=True, blank=True
    )
    item = models.CharField(max_length=60)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "partner", "item"], name="an_item_has_one_tolerance_per_partner"
            ),
            models.UniqueConstraint(
                fields=["company", "item"], condition=models.Q(partner=None), name="an_item_has_one_tolerance_for_all"
            ),
        ]

    def __str__(self) -> str:
        return self.item


def comparable(kind: str, number: str) -> str:
    """The form in which a number is compared: barcodes as 14 digits (sps.md §6), others without outer blanks."""
    text = number.strip()
    return text.zfill(14) if kind in (NumberKind.GTIN, NumberKind.UPC) and text.isdigit() else text
