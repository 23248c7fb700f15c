"""Bytes as people can read them: nothing a partner sends breaks the page, and figures stay as written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.paper import SHOWN_CHARACTERS, shown


@given(st.binary(max_size=3_000) | st.text(max_size=1_000).map(str.encode))
def test_any_bytes_are_shown(content: bytes) -> None:
    seen = shown(content)
    assert seen.size == len(content)
    assert len(seen.text) <= SHOWN_CHARACTERS


def test_numbers_stay_as_written() -> None:
    assert '"price": 10.10' in shown(b'{"price": 10.10, "big": 12345678901234567890.5}').text


def test_a_byte_order_mark_is_no_reason_to_show_hex() -> None:
    assert shown(b'\xef\xbb\xbf{"a": 1}').form == "JSON"


def test_truncated_json_is_shown_as_it_came() -> None:
    assert shown(b'{"a": [1, 2').text == '{"a": [1, 2'


def test_deeply_nested_json_is_shown_as_it_came() -> None:
    assert shown(b"[" * 100_000).form == "text (not valid JSON)"


def test_an_entity_is_not_expanded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]><Orders><Order>&b;</Order></Orders>'
    assert "&b;" in shown(bomb).text


def test_xml_gets_one_element_per_line() -> None:
    assert shown(b"<a><b>1</b><c/></a>").text == "<a>\n  <b>1</b>\n  <c/>\n</a>"


@pytest.mark.parametrize("content", [bytes(range(256)), b"\x00" * 50, "Ærlig".encode("latin-1")])
def test_what_is_no_text_is_shown_as_hex(content: bytes) -> None:
    assert shown(content).form == "hex"


def test_a_large_file_is_cut_and_says_so() -> None:
    seen = shown(b'{"a": "' + b"x" * 30_000_000 + b'"}')
    assert seen.cut
    assert len(seen.text) == SHOWN_CHARACTERS
