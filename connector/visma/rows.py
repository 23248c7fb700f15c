"""What every row of Visma has in common: tolerant reading, stamps as text, document dates as dates.

A few live reads came wrapped like writes, `{"value": x}` (visma.md §9): they are unwrapped wherever they occur.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Self, TypeVar

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

LARGEST: Final = Decimal(10) ** 13  # what the mirrors' columns do not hold: such a row would stop its whole stream


def unwrapped(value: Any) -> Any:
    """`x` of `{"value": x}`, everything else as it is."""
    while isinstance(value, Mapping) and len(value) == 1 and "value" in value:
        value = value["value"]
    return value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def _day(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip()[:10] or None  # document dates come with a meaningless midnight (visma.md §3)
    return value


Text = Annotated[str, BeforeValidator(_text)]
Day = Annotated[dt.date | None, BeforeValidator(_day)]
Stamp = Text
"""A server stamp as the text that was sent: its time zone is undocumented, it is never compared with our clock."""


class Dto(BaseModel):
    """Texts that are missing are "", numbers, dates and truth values None, lists and parts empty."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, value: Any) -> Any:
        value = unwrapped(value)
        if not isinstance(value, Mapping):
            return value
        plain = {name: unwrapped(item) for name, item in value.items()}
        return {name: item for name, item in plain.items() if item is not None}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name, value in self:
            if isinstance(value, Decimal) and abs(value) >= LARGEST:
                raise ValueError(f"{name} is {value}, which is no amount and no quantity")
        return self


class Party(Dto):
    """A supplier, branch, item or tax category as documents name it. `number` is the key."""

    internal_id: int | None = None
    number: Text = ""
    name: Text = ""
    description: Text = ""


class Coded(Dto):
    """A warehouse, location, country, term or VAT code as documents name it. `id` is the key."""

    id: Text = ""
    name: Text = ""
    description: Text = ""


class Address(Dto):
    address_line1: Text = ""
    address_line2: Text = ""
    address_line3: Text = ""
    postal_code: Text = ""
    city: Text = ""
    country: Coded = Coded()
    county: Coded = Coded()


class Contact(Dto):
    name: Text = ""
    attention: Text = ""
    email: Text = ""
    phone1: Text = ""
    phone2: Text = ""


class Metadata(Dto):
    """Of a list row: how many rows the whole window has, and how many a page may have."""

    total_count: int | None = None
    max_page_size: int | None = None


class Stamped(Dto):
    """A row of its own: when it was last touched (server's clock), and its ETag as lists give it (visma.md §5)."""

    last_modified_date_time: Stamp = ""
    time_stamp: Text = Field("", validation_alias=AliasChoices("timeStamp", "timestamp"))
    note: Text = ""


class CustomFields(Dto):
    """Only there when asked for with includeCustomFreeFields (visma.md §9.2)."""

    custom_str1: Text = ""
    custom_str2: Text = ""
    custom_str3: Text = ""
    custom_str4: Text = ""
    custom_str5: Text = ""
    custom_dec1: Decimal | None = None
    custom_dec2: Decimal | None = None
    custom_int1: int | None = None
    custom_int2: int | None = None


T_co = TypeVar("T_co", bound=Dto, covariant=True)


@dataclass(frozen=True)
class Row(Generic[T_co]):
    """One row: as we read it, and as it came."""

    dto: T_co
    raw: dict[str, Any]
