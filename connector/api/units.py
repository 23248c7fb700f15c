"""Units of the mapping, held against the units that RSX knows."""

from __future__ import annotations

from rest_framework.exceptions import ValidationError

from connector.rsx.common import UNITS
from mapping.api import views
from mapping.api.serializers import UnitSerializer


class RsxUnitSerializer(UnitSerializer):
    """One of our units and one of the 262 of RSX (sps.md §9)."""

    def validate_rsx_unit(self, unit: str) -> str:
        if unit not in UNITS:
            raise ValidationError(f"{unit} is none of the RSX units.")
        return unit


class Units(views.Units):
    serializer_class = RsxUnitSerializer
