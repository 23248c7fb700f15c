"""Mappings from CSV files, as people make them: Excel's dialects, mistakes by line, all or nothing, twice is once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapping.files import Mistake, Outcome, load
from mapping.models import (
    Company,
    ItemReference,
    PartnerRoute,
    Supplier,
    TaxMapping,
    TradingPartner,
    UnitMapping,
)

UNITS = frozenset({"EA", "CA", "KG", "CS"})
pytestmark = pytest.mark.django_db


@pytest.fixture
def firm(db: None) -> Company:
    return Company.objects.create(name="Files AS", orders_from=date(2026, 1, 1))


@pytest.fixture
def nordic(firm: Company) -> TradingPartner:
    return TradingPartner.objects.create(company=firm, trading_partner_id="NORDIC", name="Nordic Parts")


def _load(kind: str, firm: Company, text: str | bytes, *, dry_run: bool = False) -> Outcome:
    content = text.encode() if isinstance(text, str) else text
    return load(kind, firm, content, reason=f"map {kind}.csv", rsx_units=UNITS, dry_run=dry_run)


SUPPLIERS = """supplier,trading_partner_id,vendor_number,name,location,branch,default
50000,NORDIC,V-1,Nordic Parts AS,,,yes
50000,NORDIC2,,,MAIN,1,
50001,NORDIC,V-1,,,,x
"""


def test_suppliers_partners_and_routes_are_made_from_one_file(firm: Company) -> None:
    assert _load("suppliers", firm, SUPPLIERS) == Outcome(created=3)
    assert set(firm.suppliers.values_list("number", "name")) == {("50000", ""), ("50001", "")}
    nordic = firm.partners.get(trading_partner_id="NORDIC")
    assert (nordic.name, nordic.vendor_number) == ("Nordic Parts AS", "V-1")
    routes = PartnerRoute.objects.values_list(
        "supplier__number", "partner__trading_partner_id", "location", "is_default"
    )
    assert set(routes) == {
        ("50000", "NORDIC", "", True),
        ("50000", "NORDIC2", "MAIN", False),
        ("50001", "NORDIC", "", True),
    }


def test_a_supplier_that_visma_told_us_about_keeps_its_name(firm: Company) -> None:
    Supplier.objects.create(company=firm, number="50000", name="Nordic Parts AS")
    _load("suppliers", firm, SUPPLIERS)
    assert firm.suppliers.get(number="50000").name == "Nordic Parts AS"


def test_the_same_file_twice_changes_nothing_and_leaves_no_history(firm: Company) -> None:
    _load("suppliers", firm, SUPPLIERS)
    before = TradingPartner.history.count(), PartnerRoute.history.count(), Supplier.history.count()
    assert _load("suppliers", firm, SUPPLIERS) == Outcome(unchanged=3)
    assert (TradingPartner.history.count(), PartnerRoute.history.count(), Supplier.history.count()) == before


def test_history_says_which_file_made_the_change(firm: Company) -> None:
    _load("suppliers", firm, SUPPLIERS)
    _load("suppliers", firm, SUPPLIERS.replace("V-1", "V-2"))
    history = TradingPartner.history.filter(trading_partner_id="NORDIC").order_by("history_date", "history_id")
    assert [(one.vendor_number, one.history_change_reason) for one in history] == [
        ("V-1", "map suppliers.csv"),
        ("V-2", "map suppliers.csv"),
    ]


def test_a_changed_vendor_number_counts_as_one_update_per_row_that_says_it(firm: Company) -> None:
    _load("suppliers", firm, SUPPLIERS)
    assert _load("suppliers", firm, "supplier,trading_partner_id,vendor_number\n50000,NORDIC,V-9\n") == Outcome(
        updated=1
    )
    assert firm.partners.get(trading_partner_id="NORDIC").vendor_number == "V-9"
    assert firm.partners.get(trading_partner_id="NORDIC").name == "Nordic Parts AS"


def test_the_default_moves_when_the_file_says_both_no_and_yes(firm: Company) -> None:
    _load("suppliers", firm, SUPPLIERS)
    moved = "supplier,trading_partner_id,location,branch,default\n50000,NORDIC2,MAIN,1,yes\n50000,NORDIC,,,no\n"
    assert _load("suppliers", firm, moved) == Outcome(updated=2)
    assert PartnerRoute.objects.get(supplier__number="50000", is_default=True).partner.trading_partner_id == "NORDIC2"


def test_a_second_default_is_refused_and_the_first_is_named(firm: Company) -> None:
    _load("suppliers", firm, SUPPLIERS)
    outcome = _load("suppliers", firm, "supplier,trading_partner_id,default\n50000,OTHER,yes\n")
    assert [one.line for one in outcome.errors] == [2]
    assert "already has NORDIC as its default" in outcome.errors[0].error
    assert not firm.partners.filter(trading_partner_id="OTHER").exists()


def test_one_partner_cannot_have_two_names_in_one_file(firm: Company) -> None:
    outcome = _load("suppliers", firm, "supplier,trading_partner_id,name\n1,A,First\n2,A,Second\n")
    assert outcome.errors == (Mistake(3, "name of A is Second, but line 2 says First: a partner has one"),)


def test_an_id_of_sixteen_characters_is_named_with_its_line(firm: Company) -> None:
    outcome = _load("suppliers", firm, "supplier,trading_partner_id\n1,ABCDEFGHIJKLMNOP\n")
    assert outcome.errors[0].line == 2
    assert "trading_partner_id" in outcome.errors[0].error
    assert "15" in outcome.errors[0].error


@pytest.mark.parametrize(
    "dialect",
    [
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), id="with a BOM"),
        pytest.param(lambda text: text.replace(",", ";").encode(), id="semicolons"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="Windows line ends"),
        pytest.param(lambda text: text.replace("\n", "\r").encode(), id="old Mac line ends"),
        pytest.param(lambda text: ("\n\n" + text + "\n\n").encode(), id="blank lines"),
        pytest.param(lambda text: text.replace("\n", ",,\n").encode(), id="empty columns that a spreadsheet appended"),
        pytest.param(lambda text: text.upper().replace("VENDOR", "vendor").encode(), id="header in capitals"),
        pytest.param(lambda text: text.rstrip().encode(), id="no line end at the end"),
    ],
)
def test_every_dialect_of_csv_means_the_same(firm: Company, nordic: TradingPartner, dialect: object) -> None:
    text = "trading_partner_id,their_number,number_kind,item\nNORDIC,NP-77410,vendor,1001-BLK\n"
    assert callable(dialect)
    assert _load("items", firm, dialect(text)) == Outcome(created=1)
    assert ItemReference.objects.get().item == "1001-BLK"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("navn;nummer\nBlå;1\n".encode("latin-1"), 2, "not UTF-8"),
        ("unit,rsx_unit\nSTK,EA\n".encode("utf-16"), 1, "UTF-16"),
        (b"", 1, "not a header"),
        (b"STK,EA\n", 1, "not a header"),
        (b"unit,rsx_unit,colour,size\nSTK,EA,red,1\n", 1, "unknown columns: colour, size"),
        (b"unit\nSTK\n", 1, "missing columns: rsx_unit"),
        (b"unit,unit,rsx_unit\nSTK,STK,EA\n", 1, "occur twice: unit"),
        (b'unit,rsx_unit\nSTK,EA\n"KRT,CA\n', 3, "quotation marks"),
    ],
)
def test_a_file_that_cannot_be_read_is_answered_with_a_sentence(
    firm: Company, content: bytes, line: int, words: str
) -> None:
    outcome = _load("units", firm, content)
    assert outcome.errors[0].line == line
    assert words in outcome.errors[0].error
    assert not UnitMapping.objects.exists()


def test_every_bad_row_is_named_and_nothing_at_all_is_written(firm: Company) -> None:
    outcome = _load(
        "units",
        firm,
        "unit,rsx_unit,factor\nSTK,EA,1\nKRT,XX,12\nKG,kg,1\nPAL,CA,0\nBOX,CA,2;5\nSEK,CA,-1\n,EA,1\nFLA,CA,1,9\nA,CA,1.0000001\n",
    )
    assert [one.line for one in outcome.errors] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert (outcome.created, outcome.updated, outcome.unchanged) == (0, 0, 0)
    assert "written KG?" in outcome.errors[1].error
    assert not UnitMapping.objects.exists()


def test_line_numbers_hold_behind_a_cell_with_a_line_break(firm: Company, nordic: TradingPartner) -> None:
    text = 'supplier,trading_partner_id,name\n1,NORDIC,"Nordic\nParts"\n2,,x\n'
    outcome = _load("suppliers", firm, text)
    assert [one.line for one in outcome.errors] == [2, 4]
    assert "control character" in outcome.errors[0].error


def test_a_unit_without_a_factor_is_one_to_one_even_when_it_was_not_before(firm: Company) -> None:
    _load("units", firm, "unit,rsx_unit,factor\nKRT,EA,12\n")
    assert _load("units", firm, "unit,rsx_unit\nKRT,CA\n") == Outcome(updated=1)
    assert (UnitMapping.objects.get().rsx_unit, UnitMapping.objects.get().factor) == ("CA", Decimal(1))


def test_a_changed_mapping_is_newer_than_before(firm: Company) -> None:
    _load("units", firm, "unit,rsx_unit\nSTK,EA\n")
    before = UnitMapping.objects.get().updated_at
    _load("units", firm, "unit,rsx_unit\nSTK,EA\n")
    assert UnitMapping.objects.get().updated_at == before
    _load("units", firm, "unit,rsx_unit\nSTK,CA\n")
    assert UnitMapping.objects.get().updated_at > before


def test_item_numbers_are_kept_as_written_and_barcodes_compared_as_fourteen_digits(
    firm: Company, nordic: TradingPartner
) -> None:
    header = "trading_partner_id,their_number,number_kind,item\n"
    assert _load("items", firm, f"{header}NORDIC,043000186706,UPC,1001\nNORDIC,00043000186706,upc,1001\n") == Outcome(
        created=1, unchanged=1
    )
    reference = ItemReference.objects.get()
    assert (reference.their_number, reference.compared_as) == ("043000186706", "00043000186706")
    clash = _load("items", firm, f"{header}NORDIC,043000186706,upc,1001\nNORDIC,00043000186706,upc,2002\n")
    assert clash.errors == (Mistake(3, "item is 2002, but line 2 says 1001 for the same"),)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("NORDIC,7.03555E+12,gtin,1", "format the column as text"),
        ("NORDIC,123456789012345,gtin,1", "not a barcode"),
        ("NORDIC,1,sku,1", "must be one of vendor, buyer, gtin, upc"),
        ("NOBODY,1,vendor,1", "trading_partner_id NOBODY is unknown"),
        ("NORDIC,1,vendor,", "item is empty"),
        ("NORDIC,1\x00,vendor,1", "control character"),
    ],
)
def test_a_bad_item_row_says_what_is_wrong(firm: Company, nordic: TradingPartner, row: str, words: str) -> None:
    outcome = _load("items", firm, f"trading_partner_id,their_number,number_kind,item\n{row}\n")
    assert [one.line for one in outcome.errors] == [2]
    assert words in outcome.errors[0].error


def test_taxes_are_mapped_by_partner_type_and_percent(firm: Company, nordic: TradingPartner) -> None:
    header = "trading_partner_id;tax_type;percent;vat_category\n"
    assert _load("taxes", firm, f"{header}NORDIC;VA;25;1\nNORDIC;VA;15.0;2\n") == Outcome(created=2)
    assert _load("taxes", firm, f"{header}NORDIC;VA;25.00;1\nNORDIC;VA;15;3\n") == Outcome(updated=1, unchanged=1)
    assert TaxMapping.objects.get(percent=15).vat_category == "3"
    bad = _load("taxes", firm, f"{header}NORDIC;VA;25 %;1\nNORDIC;VA;101;1\nNORDIC;VA;25,0;1\nNORDIC;LONGTYPE;1;1\n")
    assert [one.line for one in bad.errors] == [2, 3, 4, 5]


def test_a_dry_run_counts_and_writes_nothing(firm: Company) -> None:
    assert _load("suppliers", firm, SUPPLIERS, dry_run=True) == Outcome(created=3, dry_run=True)
    assert not TradingPartner.objects.exists()
    assert not Supplier.objects.exists()


def test_companies_do_not_see_each_others_mappings(firm: Company) -> None:
    other = Company.objects.create(name="Other AS", orders_from=date(2026, 1, 1))
    _load("suppliers", firm, SUPPLIERS)
    _load("units", firm, "unit,rsx_unit\nSTK,EA\n")
    assert _load("units", other, "unit,rsx_unit\nSTK,CA\n") == Outcome(created=1)
    items = _load("items", other, "trading_partner_id,their_number,number_kind,item\nNORDIC,1,vendor,1\n")
    assert "unknown" in items.errors[0].error


def test_ten_thousand_items_take_seconds(firm: Company, nordic: TradingPartner, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]  # pytest-django's own fixture
    rows = "".join(f"NORDIC,NP-{number},vendor,I-{number}\n" for number in range(10_000))
    with django_assert_max_num_queries(200):
        assert _load("items", firm, f"trading_partner_id,their_number,number_kind,item\n{rows}").created == 10_000


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | st.text(alphabet='unit,;rsx_"\r\n factor1EA\x00\ufeff', max_size=120).map(
        lambda text: b"unit,rsx_unit,factor\n" + text.encode()
    )
)
def test_whatever_is_in_the_file_the_answer_is_counts_or_mistakes_with_lines(firm: Company, content: bytes) -> None:
    outcome = _load("units", firm, content, dry_run=True)
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
    assert all(1 <= mistake.line <= lines and mistake.error for mistake in outcome.errors)
