"""Every row of the tables of sps.md §6: what an acknowledgment's type and a line's status do."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from connector.flows import order_acks as flow
from connector.flows.order_acks import AckPlan
from connector.flows.verdict import Asking, Verdict
from mapping.models import Company
from tests.connector.flows.facts import Told, outcome, output
from tests.papers import Tree, ack, ack_line, dated, entry, numbers
from tests.trade import Bought, a_trade, an_order

A1 = numbers("1", buyer="A1")
LATE = "2026-04-09"


@pytest.fixture
def order(company: Company) -> Company:
    a_trade(company)
    an_order(company, [Bought("A1"), Bought("B2", Decimal(4))])
    return company


def said(company: Company, tree: Tree, **facts: Any) -> Verdict:
    return flow.match(flow.unwrap(tree), company, Told(**facts))


def booked(verdict: Verdict) -> tuple[object, ...]:
    """Confirmed, backordered, rejected of the first line."""
    line = verdict.lines[0]
    return line.confirmed, line.backordered, line.rejected


@pytest.mark.parametrize(
    ("kind", "ends", "lines"),
    [
        ("AD", "ready", 2),
        ("AK", "ready", 2),
        ("AC", "ready", 0),
        ("AE", "ready", 2),
        ("AP", "ready", 0),
        ("AH", "order_on_hold", 2),
        ("RJ", "order_rejected", 2),
        ("RD", "order_rejected", 2),
        ("RF", "order_rejected", 2),
        ("RO", "order_rejected", 2),
        ("AB", "quantity", 0),
        ("", "quantity", 0),
    ],
)
def test_type_of_a_paper_without_lines(order: Company, kind: str, ends: str, lines: int) -> None:
    verdict = said(order, ack("PO100", kind, AcknowledgementNumber="7"))
    assert (outcome(verdict), len(verdict.lines)) == (ends, lines)


@pytest.mark.parametrize(
    ("status", "ends", "quantities"),
    [
        *((status, "ready", (10, 0, 0)) for status in ("IA", "AC", "AR", "AA", "IQ", "DR", "IC")),
        ("IP", "price", (10, 0, 0)),
        ("IE", "price", (10, 0, 0)),
        ("IS", "substitution", (10, 0, 0)),
        ("UM", "quantity", (10, 0, 0)),
        ("SP", "date", (10, 0, 0)),
        ("IB", "ready", (0, 10, 0)),
        ("BP", "ready", (0, 10, 0)),
        *((status, "order_rejected", (0, 0, 10)) for status in ("IR", "R1", "R2", "R3", "R4", "R7", "ROS", "CC")),
        *((status, "ready", (0, 0, 0)) for status in ("IH", "IF", "IW")),
        ("ID", "order_rejected", (0, 0, 10)),
    ],
)
def test_status_of_a_line(order: Company, status: str, ends: str, quantities: tuple[int, int, int]) -> None:
    verdict = said(order, ack("PO100", "AC", [ack_line(A1, entry(status, 10, LATE))]))
    assert outcome(verdict) == ends
    assert booked(verdict) == quantities


def test_deletion_after_a_change_that_went_out_is_the_one_that_was_asked_for(order: Company) -> None:
    deleted = ack("PO100", "AC", [ack_line(A1, entry("ID", 4), entry("IA", 6, LATE))])
    assert outcome(said(order, deleted)) == "order_rejected"
    assert outcome(said(order, deleted, changed=True)) == "ready"


def test_only_entry_without_a_quantity_covers_the_line(order: Company) -> None:
    assert booked(said(order, ack("PO100", "AC", [ack_line(A1, entry("IA"))]))) == (10, 0, 0)


def test_changed_quantity_may_stand_on_the_line_itself(order: Company) -> None:
    verdict = said(order, ack("PO100", "AC", [ack_line(A1, entry("IQ"), ordered=8)]))
    assert (outcome(verdict), booked(verdict)) == ("ready", (8, 0, 0))


def test_changed_quantity_that_nobody_states_is_asked_about(order: Company) -> None:
    assert outcome(said(order, ack("PO100", "AC", [ack_line(A1, entry("IQ"))]))) == "quantity"


def test_remainder_stays_unconfirmed_and_excess_is_asked_about(order: Company) -> None:
    assert booked(said(order, ack("PO100", "AC", [ack_line(A1, entry("IA", 4))]))) == (4, 0, 0)
    assert outcome(said(order, ack("PO100", "AC", [ack_line(A1, entry("IA", 11))]))) == "quantity"


@pytest.mark.parametrize("status", ["IA", "IB", "IR"])
def test_less_than_nothing_is_asked_about(order: Company, status: str) -> None:
    assert outcome(said(order, ack("PO100", "AC", [ack_line(A1, entry(status, -1, LATE))]))) == "quantity"


def test_locations_are_added_up(order: Company) -> None:
    paper = ack("PO100", "AC", [ack_line(A1, entry("IA", 4))], place="OSLO")
    assert outcome(said(order, paper, answered_elsewhere=Decimal(6))) == "ready"
    assert outcome(said(order, paper, answered_elsewhere=Decimal(7))) == "quantity"


@pytest.mark.parametrize("kind", ["068", "067", "017", "069", "079"])
def test_date_of_every_kind_is_promised(order: Company, kind: str) -> None:
    assert promised(said(order, ack("PO100", "AC", [ack_line(A1, entry("IA", 10, LATE, kind=kind))]))) == LATE


@pytest.mark.parametrize(("status", "expected"), [("IA", "2026-04-01"), ("DR", LATE), ("IB", "")])
def test_echo_of_another_date_than_the_wanted_one_promises_nothing_new(
    order: Company, status: str, expected: str
) -> None:
    paper = ack("PO100", "AC", [ack_line(A1, entry(status, 10, LATE, kind="002"))])
    assert promised(said(order, paper)) == expected


@pytest.mark.parametrize(("status", "expected"), [("IA", "2026-04-01"), ("IB", "")])
@pytest.mark.parametrize("kind", ["001", "511", "BBD"])
def test_date_of_something_else_than_a_delivery_is_no_promise(
    order: Company, status: str, expected: str, kind: str
) -> None:
    paper = ack("PO100", "AC", [ack_line(A1, entry(status, 10, LATE, kind=kind))])
    assert promised(said(order, paper)) == expected


@pytest.mark.parametrize(
    "paper",
    [
        *(ack("PO100", "AC", [ack_line(A1, entry(status, 10, "9.4.2026"))]) for status in ("IA", "DR", "IB")),
        ack("PO100", "AC", [ack_line(A1, entry("IA", 10))], dates=[dated("067", "2026-04-31")]),
        ack("PO100", "AK", dates=[dated("068", "9.4.2026")]),
    ],
)
def test_date_that_cannot_be_read_does_not_become_the_wanted_one(order: Company, paper: Tree) -> None:
    assert promised(said(order, paper)) == ""


def test_header_s_date_is_for_lines_without_their_own(order: Company) -> None:
    paper = ack("PO100", "AC", [ack_line(A1, entry("IA", 10))], dates=[dated("068", "2026-04-20"), dated("067", LATE)])
    assert promised(said(order, paper)) == LATE


def test_latest_of_several_dates_is_promised_over_all_locations(order: Company) -> None:
    paper = ack("PO100", "AC", [ack_line(A1, entry("IA", 4, "2026-04-02"), entry("IB", 2, LATE))], place="OSLO")
    assert promised(said(order, paper)) == LATE
    assert promised(said(order, paper, elsewhere=dt.date(2026, 5, 1))) == "2026-05-01"


def promised(verdict: Verdict) -> str:
    plan = AckPlan.model_validate_json(output(verdict))
    return next((str(line.promised) for line in plan.lines if line.line_number == 1 and line.promised), "")


def test_older_paper_never_wins_and_asks_nobody(order: Company) -> None:
    for paper in (ack("PO100", "RJ"), ack("PO100", "AC", [ack_line(A1, entry("IR", 10))])):
        assert outcome(said(order, paper, newer=True)) == "ignored"


def test_acknowledgment_that_is_taken_back_is_asked_about(order: Company) -> None:
    assert outcome(said(order, ack("PO100", "AD", TsetPurposeCode="01"))) == "order_rejected"


def test_purpose_that_nobody_knows_is_asked_about(order: Company) -> None:
    assert outcome(said(order, ack("PO100", "AD", TsetPurposeCode="04"))) == "ready"
    assert outcome(said(order, ack("PO100", "AD", TsetPurposeCode="ZZ"))) == "unsupported"


def test_substitute_is_named_where_the_paper_names_it(order: Company) -> None:
    verdict = said(order, ack("PO100", "AC", [ack_line(A1, entry("IS", 10, VendorPartNumber="V-9"))]))
    assert isinstance(verdict, Asking)
    assert "a substitute: V-9." in verdict.differences[0].sentence


def test_accepted_rejection_goes_on(order: Company) -> None:
    paper = ack("PO100", "AC", [ack_line(A1, entry("IR", 10))])
    assert outcome(said(order, paper, accepted={("order_rejected", "PO100 line 1")})) == "ready"


def test_completed_line_gets_no_date_any_more(order: Company) -> None:
    order.orders.get().lines.update(completed=True)
    assert promised(said(order, ack("PO100", "AC", [ack_line(A1, entry("IA", 10, LATE))]))) == ""
