"""The file of suppliers and their trading partners: one row is one route, and makes what it names when it is missing."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError

from mapping.models import Company, PartnerRoute, Supplier, TradingPartner
from mapping.plan import Plan, Verdict, write_creates, write_updates
from mapping.tables import BadRow, Columns, Row, sentence_of

_YES = ("yes", "true", "1", "x")
_NO = ("no", "false", "0")
_OF_THE_PARTNER = ("vendor_number", "name")
_Key = tuple[str, str, str, str]


class SupplierFile:
    """`supplier,trading_partner_id[,vendor_number,name,location,branch,default]`.

    A supplier that Visma has not told us about yet is created with its number alone: people map before the first poll.
    A blank vendor_number, name or default leaves what is there; a new route is no default unless the row says yes.
    """

    columns = Columns(("supplier", "trading_partner_id"), ("vendor_number", "name", "location", "branch", "default"))

    def __init__(self, company: Company, rows: Iterable[Row]) -> None:
        self._company = company
        self._suppliers = {one.number: one for one in company.suppliers.all()}
        self._partners = {one.trading_partner_id: one for one in company.partners.all()}
        self._created: list[Supplier | TradingPartner] = []
        self._changed: dict[str, TradingPartner] = {}
        self._said: dict[tuple[str, str], tuple[int, str]] = {}
        routes = PartnerRoute.objects.filter(supplier__company=company).select_related("supplier", "partner")
        self._routes = {_key(one): one for one in routes}
        self._defaults = _defaults(self._routes, rows)
        self._plan = Plan(
            PartnerRoute, key=_key, fields=("is_default",), meaning=("is_default",), existing=self._routes.values()
        )

    def take(self, row: Row) -> Verdict:
        route = PartnerRoute(location=row.text("location"), branch=row.text("branch"))
        route.supplier = self._supplier(row)
        route.partner, partner_changed = self._partner(row)
        route.is_default = self._is_default(row, route)
        verdict = self._plan.ask(row.line, route, unchecked=("supplier", "partner"))
        return Verdict.UPDATED if partner_changed and verdict is Verdict.UNCHANGED else verdict

    def write(self, reason: str) -> None:
        write_creates(Supplier, [one for one in self._created if isinstance(one, Supplier)], reason)
        write_creates(TradingPartner, [one for one in self._created if isinstance(one, TradingPartner)], reason)
        write_updates(TradingPartner, list(self._changed.values()), _OF_THE_PARTNER, reason)
        # A supplier has at most one default: the old one goes before the new one comes.
        former = [route for route in self._plan.updates if not route.is_default]
        write_updates(PartnerRoute, former, ("is_default",), reason)
        self._plan.updates = [route for route in self._plan.updates if route.is_default]
        self._plan.write(reason)

    def _supplier(self, row: Row) -> Supplier:
        number = row.required("supplier")
        if number not in self._suppliers:
            supplier = Supplier(company=self._company, number=number)
            _check(supplier)
            self._suppliers[number] = supplier
            self._created.append(supplier)
        return self._suppliers[number]

    def _partner(self, row: Row) -> tuple[TradingPartner, bool]:
        """The row's partner with what the row says of it, and whether that changes one which was there before."""
        wanted = row.required("trading_partner_id")
        partner = self._partners.get(wanted) or TradingPartner(company=self._company, trading_partner_id=wanted)
        changed = [name for name in _OF_THE_PARTNER if self._says(row, partner, name)]
        _check(partner)
        if wanted not in self._partners:
            self._partners[wanted] = partner
            self._created.append(partner)
        elif changed and partner.pk:
            self._changed[wanted] = partner
        return partner, bool(changed and partner.pk)

    def _says(self, row: Row, partner: TradingPartner, column: str) -> bool:
        """Take over the cell; True when it differs from what the partner had."""
        text = row.text(column)
        if not text:
            return False
        line, earlier = self._said.setdefault((partner.trading_partner_id, column), (row.line, text))
        if text != earlier:
            raise BadRow(
                f"{column} of {partner.trading_partner_id} is {text}, but line {line} says {earlier}: a partner has one"
            )
        differs: bool = getattr(partner, column) != text
        setattr(partner, column, text)
        return differs

    def _is_default(self, row: Row, route: PartnerRoute) -> bool:
        said = _yes_or_no(row)
        key = _key(route)
        if said is None:
            there = self._routes.get(key)
            return there is not None and there.is_default
        holder = self._defaults.get(key[0])
        if said and holder not in (None, key):
            raise BadRow(
                f"supplier {key[0]} already has {_where(holder)} as its default: say no there, in the same file"
            )
        return said


def _key(route: PartnerRoute) -> _Key:
    return route.supplier.number, route.partner.trading_partner_id, route.location, route.branch


def _row_key(row: Row) -> _Key:
    supplier, partner, location, branch = (
        row.cells.get(column, "") for column in ("supplier", "trading_partner_id", "location", "branch")
    )
    return supplier, partner, location, branch


def _defaults(routes: dict[_Key, PartnerRoute], rows: Iterable[Row]) -> dict[str, _Key]:
    """Per supplier its default once the file is in: the one that is there, unless the file says no, then the first yes."""
    said = {_row_key(row): row.cells.get("default", "").lower() for row in rows}
    holders = {key[0]: key for key, route in routes.items() if route.is_default and said.get(key) not in _NO}
    for key, word in said.items():
        if word in _YES:
            holders.setdefault(key[0], key)
    return holders


def _yes_or_no(row: Row) -> bool | None:
    word = row.text("default").lower()
    if word and word not in _YES + _NO:
        raise BadRow(f"default is {word}, but must be one of {', '.join(_YES + _NO)}, or blank")
    return word in _YES if word else None


def _where(key: _Key | None) -> str:
    _, partner, location, branch = key or ("", "", "", "")
    return " ".join(
        part for part in (partner, location and f"location {location}", branch and f"branch {branch}") if part
    )


def _check(row: Supplier | TradingPartner) -> None:
    try:
        row.clean_fields(exclude=("company", "suppliers"))
    except ValidationError as error:
        raise BadRow(sentence_of(error)) from error
