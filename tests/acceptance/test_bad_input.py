"""Whatever arrives gets a stored document, a status and a sentence; it never stops the poll and never loses a byte."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from audit.models import Document
from tests.acceptance.stage import HINGE, Stage, asked, delivered, is_sentence
from tests.papers import (
    ack,
    as_json,
    as_xml,
    dated,
    entry,
    invoice,
    invoice_line,
    numbers,
    of_order,
    ship_item,
    shipment,
)

HINGES = numbers("1", buyer="1001-BLK")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b'{"Header": {"InvoiceHeader": {"TradingPartnerId": "NORDICPARTS01", "Inv', ""),
        ('{"Header": {"InvoiceHeader": {"InvoiceNumber": "Å-1"}}}'.encode("latin-1"), ""),
        (b'{"Header": {"InvoiceHeader": {"TradingPartnerId": "NORDICPARTS01"}}}', "InvoiceNumber"),
        (b"<Invoice><Header>", ""),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Invoice>&b;</Invoice>', ""),
        (as_json(invoice("INV-1", "PO1", [invoice_line(HINGES, "ten", 48)], 480)), "InvoiceQty"),
    ],
)
def test_unreadable_file_is_kept_and_says_what_is_wrong(stage: Stage, content: bytes, words: str) -> None:
    order = stage.order(HINGE)
    path = stage.put("invoice", content=content, name="/out/IN/IN-bad.json") if content else stage.put_empty()
    good = stage.put("order_ack", ack(order, "AD"))
    stage.sync()
    rows = {row["source_ref"]: row for row in stage.documents()}
    assert rows[path]["status"] == "failed"
    assert is_sentence(rows[path]["reason"])
    assert words in rows[path]["reason"]
    assert Document.objects.get(pk=rows[path]["id"]).source == content
    delivered(rows[good])
    assert not stage.world.sps.paths("out/")


def test_file_of_thirty_megabytes_is_stored_and_not_read(stage: Stage) -> None:
    content = as_json(invoice("INV-1", "PO1", [invoice_line(HINGES, 10, 48)], 480, Comments="x" * 30_000_000))
    path = stage.put("invoice", content=content)
    stage.sync()
    row = stage.document("--kind", "invoice")
    assert (row["source_ref"], row["status"]) == (path, "failed")
    assert "30.0 MB" in row["reason"] or "28.6 MB" in row["reason"]
    assert len(Document.objects.get(pk=row["id"]).source) == len(content)


def test_numbers_as_text_are_numbers(stage: Stage) -> None:
    order = stage.order(HINGE)
    paper = shipment("SHP-1", of_order(order, items=[ship_item(HINGES, "10.0")]))
    delivered(stage.sends("shipment", paper))


def test_list_of_three_papers_is_three_documents(stage: Stage) -> None:
    order = stage.order(HINGE)
    papers = [
        shipment(f"SHP-{part}", of_order(order, items=[ship_item(HINGES, quantity)]))
        for part, quantity in enumerate((3, 4, 3))
    ]
    stage.put("shipment", *papers)
    stage.sync()
    rows = stage.documents("--kind", "shipment")
    assert [(row["number"], row["status"]) for row in rows] == [(f"SHP-{part}", "delivered") for part in range(3)]


def test_unknown_kind_is_held_and_says_so(stage: Stage) -> None:
    stage.world.sps.put("/out/XX-1.json", b'{"Header": {"InventoryHeader": {"TradingPartnerId": "NORDICPARTS01"}}}')
    stage.sync()
    row = stage.document("--kind", "unsupported")
    asked(row, "unsupported", "not handled here")


def test_directory_and_content_that_disagree_are_held(stage: Stage) -> None:
    order = stage.order(HINGE)
    paper = shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)]))
    stage.put("shipment", paper, name="/out/IN/IN0001.json")
    stage.sync()
    [row] = [row for row in stage.documents() if row["direction"] == "inbound"]
    asked(row, "type_conflict", "kind invoice", "kind shipment")
    assert not stage.receipts()


def test_partner_that_nobody_knows_is_held_until_it_is_mapped(stage: Stage) -> None:
    order = stage.order(HINGE)
    row = stage.sends("order_ack", ack(order, "AD", partner="STRANGER"))
    asked(row, "partner_unmapped", "STRANGER")
    stage.map(suppliers="supplier,trading_partner_id,default\n50000,STRANGER,no\n")
    stage.sync()
    delivered(stage.document("--kind", "order_ack"))


def test_token_that_ends_in_the_middle_is_renewed(stage: Stage) -> None:
    order = stage.order(HINGE)
    stage.put("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    stage.world.sps.faults.fault("GET", "*/SH*", "expire_token")
    stage.world.visma.faults.fault("PUT", "*PurchaseReceipt*", "expire_token")
    stage.sync()
    delivered(stage.document("--kind", "shipment"))
    assert len(stage.receipts()) == 1


def test_mailbox_directory_that_is_missing_is_an_empty_mailbox(stage: Stage) -> None:
    stage.run("connect", "Demo", "--sps-out", "testout/")
    assert stage.sync()["problems"] == []
    assert [row for row in stage.documents() if row["direction"] == "inbound"] == []


def test_same_bytes_under_another_path_are_ignored(stage: Stage) -> None:
    order = stage.order(HINGE)
    paper = shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 4)]))
    first = stage.sends("shipment", paper)
    row = stage.sends("shipment", paper)
    assert row["status"] == "ignored"
    assert f"as document {first['id']}" in row["reason"]
    assert len(stage.receipts()) == 1


def test_same_paper_in_xml_and_json_is_booked_once(stage: Stage) -> None:
    order = stage.order(HINGE)
    paper = shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 4)]))
    stage.put("shipment", content=as_xml("Shipment", paper), name="/out/SH/SH-twin.xml")
    stage.put("shipment", content=as_json(paper, bom=True), name="/out/SH/SH-twin.json")
    stage.sync()
    assert sorted(row["status"] for row in stage.documents("--kind", "shipment")) == ["delivered", "ignored"]
    assert len(stage.receipts()) == 1


def test_same_acknowledgment_without_number_is_ignored_but_another_one_counts(stage: Stage) -> None:
    order = stage.order(HINGE)
    first = ack(order, "AC", [{"OrderLine": HINGES, "LineItemAcknowledgement": [entry("IA", 10, "2026-12-20")]}])
    delivered(stage.sends("order_ack", first))
    assert stage.sends("order_ack", first)["status"] == "ignored"
    delivered(stage.sends("order_ack", ack(order, "AD", dates=[dated("067", "2026-12-22")])))


def test_invoice_that_waits_and_comes_again_is_posted_once(stage: Stage, settings: Settings) -> None:
    order = stage.order(HINGE)
    paper = invoice("INV-1", order, [invoice_line(HINGES, 10, 48)], 480)
    stage.sends("invoice", paper)
    stage.sends("invoice", paper)
    stage.sends("shipment", shipment("SHP-1", of_order(order, items=[ship_item(HINGES, 10)])))
    stage.release()
    stage.sync()
    assert sorted(row["status"] for row in stage.documents("--kind", "invoice")) == ["delivered", "ignored"]
    assert len(stage.invoices()) == 1
