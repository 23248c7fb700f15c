"""Stamps are ordered and lowered rightly whatever their length, so that no row falls between two polls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.visma import stamps

MOMENTS = st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - stamps have no zone
OVERLAPS = st.timedeltas(timedelta(0), timedelta(days=2))


def as_visma_writes(at: datetime, decimals: int) -> str:
    """Without zone, cut to `decimals`, trailing zeros dropped."""
    fraction = f"{at.microsecond:06d}0"[:decimals].rstrip("0")
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "")


@given(st.lists(MOMENTS, min_size=1, max_size=8), st.integers(0, 7))
def test_the_watermark_is_the_latest_stamp_in_its_own_text(moments: list[datetime], decimals: int) -> None:
    texts = [as_visma_writes(at, decimals) for at in moments]
    watermark = stamps.highest(texts)
    assert watermark in texts
    cut = max(at.replace(microsecond=int(f"{at.microsecond:06d}"[: min(decimals, 6)].ljust(6, "0"))) for at in moments)
    assert watermark == as_visma_writes(cut, 6)


@given(MOMENTS, st.integers(0, 7), OVERLAPS)
def test_what_is_sent_back_lies_at_least_the_overlap_earlier(at: datetime, decimals: int, overlap: timedelta) -> None:
    stamp = as_visma_writes(at, decimals)
    lowered = stamps.less_overlap(stamp, overlap)
    assert len(lowered) == len("2026-01-01T00:00:00.000")
    sent, given_stamp = datetime.fromisoformat(lowered), datetime.fromisoformat(stamp)
    assert timedelta(0) <= given_stamp - overlap - sent < timedelta(milliseconds=2)


@given(MOMENTS, st.integers(-14, 14), OVERLAPS)
def test_a_stamp_with_a_zone_is_read_the_earlier_way(at: datetime, hours: int, overlap: timedelta) -> None:
    zone = f"{'+' if hours >= 0 else '-'}{abs(hours):02d}:00"
    sent = datetime.fromisoformat(stamps.less_overlap(at.isoformat() + zone, overlap))
    assert sent <= min(at, at - timedelta(hours=hours)) - overlap


@given(st.text(max_size=30))
def test_no_text_breaks_the_comparison(text: str) -> None:
    assert stamps.highest([text, "2026-03-20T06:35:22.153"]) is not None


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2024-12-02T14:14:59.74", "2024-12-02T14:14:59.743"),
        ("2024-12-02T14:14:59.7", "2024-12-02T14:14:59.74"),
        ("2024-12-02T14:14:59", "2024-12-02T14:14:59.003"),
        ("2024-12-02T14:14:59.999", "2024-12-02T14:15:00"),
        ("2024-12-02T14:14:59.0000001", "2024-12-02T14:14:59.0000002"),
        ("2024-12-02", "2024-12-02T00:00:00.01"),
        ("2024-12-02 14:14", "2024-12-02T14:14:01"),
    ],
)
def test_stamps_of_different_lengths_are_ordered(earlier: str, later: str) -> None:
    assert stamps.highest([earlier, later]) == later
    assert stamps.highest([later, earlier]) == later


def test_two_hours_before_as_the_filter_wants_it() -> None:
    assert stamps.less_overlap("2026-03-20T06:35:22.153", timedelta(hours=2)) == "2026-03-20T04:35:22.153"
    assert stamps.less_overlap("2026-03-20T01:00:00", timedelta(hours=2)) == "2026-03-19T23:00:00.000"
    assert stamps.less_overlap("0001-01-01T00:00:00", timedelta(hours=2)) == "1900-01-01T00:00:00.000"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01T00:00:00", "2026-03-20T25:00:00", "2026-03-20T06:35:22,1"]
)
def test_what_is_no_stamp_counts_for_nothing_and_is_not_sent(text: str) -> None:
    assert stamps.highest([text]) is None
    with pytest.raises(ValueError, match="no time stamp"):
        stamps.less_overlap(text, timedelta(0))


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Fri, 20 Mar 2026 06:35:22 GMT", datetime(2026, 3, 20, 6, 35, 22, tzinfo=UTC)),
        ("Fri, 20 Mar 2026 07:35:22 +0100", datetime(2026, 3, 20, 6, 35, 22, tzinfo=UTC)),
        ("Fri, 20 Mar 2026 06:35:22 -0000", None),
        ("Fri, 99 Mar 2026 06:35:22 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_moment_that_an_answer_names_is_utc_or_none(date: str, moment: datetime | None) -> None:
    assert stamps.said(date) == moment


@given(st.text(max_size=40))
def test_no_date_header_breaks_a_read(date: str) -> None:
    assert stamps.said(date) is None or stamps.said(date).tzinfo is UTC  # type: ignore[union-attr]  # just looked at
