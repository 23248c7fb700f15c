"""Whatever goes wrong, the caller reads a problem with a request id, and never a stack trace."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from audit.models import Document
from connector.api.constraints import FALLBACK, sentence_of
from connector.api.documents import attachment
from mapping.models import Company


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("get", "/api/v1/nothing/", "", 404),
        ("post", "/api/v1/documents", "{}", 404),
        ("get", "/api/v1/documents/77/", "", 404),
        ("get", "/api/v1/documents/abc/", "", 404),
        ("get", "/api/v1/documents/?page=99", "", 404),
        ("delete", "/api/v1/documents/", "", 405),
        ("post", "/api/v1/partners/", "{not json", 400),
        ("post", "/api/v1/partners/", "[]", 400),
        ("get", "/hooks/visma/not-an-id/", "", 404),
    ],
)
def test_every_error_is_a_problem(api: APIClient, method: str, path: str, body: str, code: int) -> None:
    answer = getattr(api, method)(path, body, content_type="application/json") if body else getattr(api, method)(path)
    said = answer.json()
    assert (answer.status_code, said["status"]) == (code, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert {"type", "title", "detail", "instance"} <= set(said)
    assert answer["X-Request-Id"] == said["request_id"]


def test_another_media_type_is_a_problem(api: APIClient) -> None:
    answer = api.post("/api/v1/partners/", "<a/>", content_type="application/xml")
    assert answer.status_code == 415
    assert answer["Content-Type"] == "application/problem+json"


def test_a_missing_final_slash_is_forgiven_when_reading(api: APIClient) -> None:
    answer = api.get("/api/v1/documents?kind=order")
    assert (answer.status_code, answer["Location"]) == (302, "/api/v1/documents/?kind=order")
    assert "ends with a slash" in api.post("/api/v1/documents").json()["detail"]


def test_nobody_gets_in_without_saying_who(client: APIClient, db: None) -> None:
    answer = client.get("/api/v1/documents/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Token"
    assert answer["Content-Type"] == "application/problem+json"


def test_a_bug_is_answered_with_a_request_id_and_no_word_about_its_inside(
    api: APIClient, company: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_self: object) -> str:
        raise ZeroDivisionError("secret inside")

    monkeypatch.setattr(Company, "__str__", broken)
    monkeypatch.setattr(Document, "direction", property(broken))
    Document.objects.create(
        company=company,
        kind="order",
        transmission=company.transmissions.create(
            path="x", sha256="0", content=b"", size=0, received_at="2026-01-01T00:00:00Z"
        ),
        created_at="2026-01-01T00:00:00Z",
        updated_at="2026-01-01T00:00:00Z",
    )
    answer = api.get("/api/v1/documents/", headers={"X-Request-Id": "from-the-caller-1"})
    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == "from-the-caller-1"
    assert b"secret inside" not in answer.content
    assert "from-the-caller-1" in caplog.text
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "UNIQUE constraint failed: mapping_unitmapping.company_id, mapping_unitmapping.partner_id, "
            "mapping_unitmapping.unit",
            "A unit is mapped once per partner.",
        ),
        ("CHECK constraint failed: a_unit_factor_is_positive", "A unit factor is positive."),
        (
            'duplicate key value violates unique constraint "a_number_of_a_partner_means_one_item"\nDETAIL: Key',
            "A number of a partner means one item.",
        ),
        ("FOREIGN KEY constraint failed", FALLBACK),
    ],
)
def test_both_databases_words_become_the_constraints_sentence(said: str, sentence: str) -> None:
    assert sentence_of(IntegrityError(said)) == sentence


@given(st.text())
def test_no_path_breaks_out_of_the_file_name(path: str) -> None:
    header = attachment(b"", path)["Content-Disposition"]
    assert header.startswith('attachment; filename="')
    assert header.count('"') == 2
    assert header.isascii()


@pytest.mark.parametrize("value", ["9" * 30, "-1", "\x00", "ø" * 500, "' OR 1=1 --"])
@pytest.mark.parametrize(
    "address",
    [
        "documents/?number={}",
        "documents/?order={}",
        "documents/?partner={}",
        "documents/?since={}",
        "documents/?page={}",
        "documents/?page_size={}",
        "documents/?ordering={}",
        "item-references/?partner={}",
        "suppliers/?edi_code={}",
        "orders/?since={}",
        "holds/?partner={}",
        "holds/?company={}",
        "status/?company={}",
        "connections/?company={}",
        "documents/{}/",
        "orders/{}/",
        "holds/{}/",
        "partners/{}/history/",
    ],
)
def test_no_value_of_a_parameter_is_a_bug(api: APIClient, address: str, value: str) -> None:
    answer = api.get("/api/v1/" + address.format(quote(value, safe="")))
    assert answer.status_code in (200, 400, 404), answer.content
