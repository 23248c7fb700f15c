"""The books of the sandbox company: tables of records as Visma shows them, stamped on every write, with their history.

Stamps as visma.md §3 has them: no zone, SQL Server's 3.33 ms steps, trailing zeros dropped, equal stamps happen.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

from connector.sandbox.wire import Json, Refusal, Reply, as_json

Clock = Callable[[], datetime]
COMPANY_ZONE = timezone(timedelta(hours=1))  # whether stamps are UTC or local is undocumented: local is the harder case
ZERO = Decimal(0)


def utc_now() -> datetime:
    """The moment, aware."""
    return datetime.now(UTC)


def sql_stamp(moment: datetime, zone: tzinfo = COMPANY_ZONE) -> str:
    """`2026-03-20T06:35:22.153`: local, at most three decimals that end in 0, 3 or 7, trailing zeros dropped."""
    local = moment.astimezone(zone)
    ticks = round(local.microsecond * 300 / 1_000_000)
    local = local.replace(microsecond=0) + timedelta(seconds=ticks // 300)
    thousandths = round(ticks % 300 * 10 / 3)
    fraction = f".{thousandths:03d}".rstrip("0").rstrip(".")
    return f"{local:%Y-%m-%dT%H:%M:%S}{fraction}"


def refuse(message: str, status: int = 400) -> Refusal:
    """No, in the form of an application error (visma.md §4, first shape)."""
    return Refusal(as_json({"message": message}, status))


def refuse_at_gateway(message: str, status: int, code: str = "") -> Refusal:
    """No, in the form of a gateway error (visma.md §4, second shape)."""
    identity = f"{code}_6f0c2c5e-0000-0000-0000-000000000000" if code else ""
    body = {"ExceptionType": "IPPException", "ExceptionMessage": message, "ExceptionFaultCode": code}
    return Refusal(as_json({**body, "ExceptionMessageID": identity, "ExceptionDetails": ""}, status))


@dataclass(frozen=True)
class Change:
    """One write: when (UTC), by whom, what."""

    when: datetime
    who: str
    action: str


@dataclass
class Row:
    """One record as Visma shows it, and who wrote it when; `stamp_key` is empty where a record shows no version."""

    body: Json
    stamp_key: str = "timeStamp"
    history: list[Change] = field(default_factory=list)

    @property
    def etag(self) -> str:
        """The value that `If-Match` must carry, without quotes."""
        return str(self.body[self.stamp_key])


Table = dict[str, Row]


@dataclass
class Rules:
    """What differs between Visma companies or is unknown (visma.md §10); switches for tests."""

    refuse_repeated_reference: bool = False
    require_supplier_reference: bool = True
    refuse_open_order_changes: bool = False
    bill_on_release: bool = True  # the company preference behind a receipt's createBill (PO101000)
    queued_releases: bool = False  # release answers Queued though it is done
    scrambled_rows: bool = False  # lists come in no order that a person would recognise
    legacy_locations: bool = True  # every second Location names the legacy host


class Books:
    """All tables of one company behind one lock."""

    def __init__(self, seed: int = 0, clock: Clock = utc_now, zone: tzinfo = COMPANY_ZONE) -> None:
        self.seed = seed
        self.clock = clock
        self.zone = zone
        self.lock = threading.RLock()
        self.rules = Rules()
        self.suppliers: Table = {}
        self.locations: Table = {}
        self.items: Table = {}
        self.orders: Table = {}
        self.receipts: Table = {}
        self.invoices: Table = {}
        self.branches: Table = {}
        self.accounts: Table = {}
        self.vat_categories: Table = {}
        self.credit_terms: Table = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.receipts_of: dict[str, set[str]] = {}  # order number -> receipts that have or had its lines
        self.invoices_of: dict[str, set[str]] = {}  # receipt number -> keys of invoices linked to it
        self._numbers: dict[str, int] = {"PO": 411, "PR": 232, "": 200_100}
        self._version = 0x167D500

    def stamp(self) -> str:
        """The moment as a stamp."""
        return sql_stamp(self.clock(), self.zone)

    def today(self) -> str:
        """Today in the company as a document date."""
        return f"{self.clock().astimezone(self.zone):%Y-%m-%dT00:00:00}"

    def next_number(self, prefix: str) -> str:
        """The next automatic number, e.g. PO000412; invoices have no prefix."""
        self._numbers[prefix] += 1
        return f"{prefix}{self._numbers[prefix]:06d}"

    def note(self, row: Row, who: str, action: str) -> None:
        """Stamp a written row: new lastModifiedDateTime, new etag, one more line of history."""
        self._version += 7
        row.body["lastModifiedDateTime"] = self.stamp()
        if row.stamp_key:
            row.body[row.stamp_key] = base64.b64encode(self._version.to_bytes(8, "big")).decode()
        row.history.append(Change(self.clock(), who, action))

    def add(self, table: Table, key: str, body: Json, who: str, stamp_key: str = "timeStamp") -> Row:
        """Put a new row into a table."""
        row = Row(body, stamp_key)
        self.note(row, who, "created")
        table[key] = row
        return row

    def find(self, table: Table, key: str, what: str) -> Row:
        """The row, or a 404."""
        row = table.get(key)
        if row is None:
            raise refuse(f"{what} '{key}' cannot be found in the system.", 404)
        return row

    def factor(self, item: str, unit: str) -> Decimal | None:
        """Base units in one `unit` of the item; None when the item knows no such unit."""
        row = self.items.get(item)
        if row is None:
            return None
        if unit == row.body["baseUnit"]:
            return Decimal(1)
        for conversion in row.body["inventoryUnits"]:
            if conversion["fromUnit"] == unit and conversion["toUnit"] == row.body["baseUnit"]:
                rate = Decimal(conversion["unitRate"])
                return rate if conversion["unitMultDiv"] == "Multiply" else 1 / rate
        return None


def check_match(row: Row, if_match: str) -> None:
    """412 with an empty body when `If-Match` names another version (visma.md §5)."""
    if if_match and if_match.strip('"') != row.etag:
        raise Refusal(Reply(412))


_POST_PERIOD = re.compile(r"(0[1-9]|1[0-2])\d{4}")


def post_period(text: str) -> str:
    """MMYYYY, or a 400 (visma.md §9.4)."""
    if not _POST_PERIOD.fullmatch(text):
        raise refuse(f"Error: '{text}' is not a valid financial period; the form is MMYYYY.")
    return text
