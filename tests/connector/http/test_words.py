"""Error bodies of every known shape, and of none, become one line for people."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.http import lossless, words


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"message": "Error: Please review."}', "Error: Please review."),
        ('{"Message": "No such supplier."}', "No such supplier."),
        (
            '{"ExceptionType": "IPPException", "ExceptionMessage": "No license.", "ExceptionFaultCode": "12027",'
            ' "ExceptionMessageID": "12027_x", "ExceptionDetails": ""}',
            "No license. 12027",
        ),
        (
            '{"error": {"errorDescription": "Directory \'/out/\' not found.", "error": "not_found"}, "status": "error"}',
            "Directory '/out/' not found. (not_found)",
        ),
        (
            '{"title": "Bad path", "status": 400, "detail": "no slash", "context": [{"field": "path"}]}',
            'Bad path no slash [{"field":"path"}]',
        ),
        (
            '{"error": "unauthorized_client", "error_description": "Grant type not allowed"}',
            "Grant type not allowed (unauthorized_client)",
        ),
        ('{"error": "invalid_client"}', "invalid_client"),
        ('{"title": "File not found.", "detail": "File not found.", "context": []}', "File not found."),
        ('{"unheard": ["of", 1.50]}', '{"unheard":["of",1.50]}'),
        ('"just text"', "just text"),
        ("[]", ""),
        ("null", ""),
        ("", ""),
        ("plain\r\n  words\x00 here", "plain words here"),
        (
            "<!DOCTYPE html><html><head><style>p {}</style></head><body><h1>502 Bad&nbsp;Gateway</h1><p>a &lt; b</p>",
            "502 Bad Gateway a < b",
        ),
        ('\ufeff{"message": "behind a BOM"}', "behind a BOM"),
        ('{"message": "cut off in the mid', '{"message": "cut off in the mid'),
    ],
)
def test_what_the_other_side_said(body: str, said: str) -> None:
    assert words.remote_text(body.encode()) == said


def test_latin_1_is_shown_as_well_as_it_goes() -> None:
    assert words.remote_text("ugyldig leverandør".encode("latin-1")) == "ugyldig leverand\ufffdr"


def test_a_novel_is_cut() -> None:
    assert len(words.remote_text(b"x" * 100_000)) == 1000


@given(st.binary(max_size=300))
def test_no_body_is_too_strange_to_be_shown(body: bytes) -> None:
    assert "\n" not in words.remote_text(body)
    assert len(words.head(body)) <= 2048


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False, places=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_what_is_written_is_read_back_the_same(value: Any) -> None:
    text = lossless.written(value)
    assert lossless.read(text.encode()) == value
    json.loads(text)


@given(JSON)
def test_error_objects_of_any_shape_are_shown(value: Any) -> None:
    words.remote_text(lossless.written({"error": value, "message": value, "context": value}).encode())


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_what_is_no_number_is_not_written(value: Decimal) -> None:
    with pytest.raises(ValueError, match="no number"):
        lossless.written({"price": value})


@given(
    st.text(st.characters(codec="ascii", exclude_characters='"&\\ \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f'), min_size=12),
    st.integers(0, 2100),
)
def test_a_secret_is_hidden_wherever_the_cut_falls(secret: str, offset: int) -> None:
    secret = f"s3cr3t{secret}"
    for body in (f'{{"access_token": "{secret}"}}', f"a=b&client_secret={secret}&c=d"):
        assert b"s3cr3t" not in words.head(b" " * offset + body.encode())
