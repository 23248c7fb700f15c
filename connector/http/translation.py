"""The one decision of this room: what a status or a broken connection means. Did it happen? (DESIGN: errors.)"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from connector import errors

LONGEST_WAIT = 86_400.0
LONGEST_WINDOW = 3_660.0  # windows of calls are an hour (visma.md §6), and clocks differ
_FOR_NOW = (302, 303, 307)  # redirections that say themselves that they will not last (RFC 9110 §15.4)


class TokenRefused(errors.Misconfigured):
    """401: worth one renewal; if that does not help, an operator has to look."""


def refusal(
    what: str, status: int, headers: Mapping[str, str], said: str, *, write: bool
) -> errors.ConnectorError | None:
    """The error that a status stands for; None for 2xx. `what` reads like "Visma: POST /v1/supplierInvoice"."""
    if 200 <= status < 300:
        return None
    words = f"{status}: {said}" if said else f"{status} without a word"
    if status >= 500 or status == 408:
        return _failed_over_there(what, words, headers, write=write)
    if status in (425, 429):
        kind = errors.RateLimited if status == 429 else errors.Transient
        return kind(f"{what} was put off with {words}. It is tried again later.", retry_after=retry_after(headers))
    if status == 412:
        return errors.Stale(f"{what}: it has changed since it was read. It is read and matched again.")
    if status == 404:
        return errors.NotFound(f"{what} found nothing there ({words}).", status=status)
    if 300 <= status < 400:
        return _redirected(what, status, headers, words, write=write)
    return _refused(what, status, words)


def _redirected(
    what: str, status: int, headers: Mapping[str, str], words: str, *, write: bool
) -> errors.ConnectorError:
    where = f"{what} was redirected to {headers.get('Location', 'nowhere')} ({words}), which is not followed."
    if write:  # what has been done may answer so, too (RFC 9110 §15.4.4); a wrong address shows when it is looked up
        return errors.InDoubt(f"{where} Whether it happened is unknown; it is looked up before anything is sent.")
    if status in _FOR_NOW:
        return errors.Transient(f"{where} It is tried again; if this lasts, check the address of the connection.")
    return errors.Misconfigured(f"{where} Check the address of the connection.")


def _refused(what: str, status: int, words: str) -> errors.ConnectorError:
    if status == 401:
        return TokenRefused(
            f"{what}: we were refused with {words}. Check client id and secret, and that the application is approved for"
            " this company's own tenant."
        )
    if status == 403:
        return errors.Misconfigured(
            f"{what} is forbidden to us ({words}). Check the scopes and rights of the application.", status=status
        )
    return errors.Rejected(f"{what} was refused with {words}", status=status)


def _failed_over_there(what: str, words: str, headers: Mapping[str, str], *, write: bool) -> errors.ConnectorError:
    if write:  # Visma may answer 500 for a business rule too (visma.md §4): only looking decides
        return errors.InDoubt(
            f"{what} was answered with {words}. Whether it happened is unknown; it is looked up before anything is sent."
        )
    return errors.Transient(
        f"{what} failed over there with {words}. It is tried again.", retry_after=retry_after(headers)
    )


def breakage(what: str, cause: Exception, *, departed: bool, cut: bool, write: bool) -> errors.ConnectorError:
    """The error that a connection without an answer stands for; `departed` and `cut` as in `wire.Passage`."""
    why = "it took too long" if cut or isinstance(cause, requests.Timeout) else _why(cause)
    if not departed or isinstance(cause, requests.exceptions.ProxyError):
        return _never_left(what, cause, why)
    if write:
        return errors.InDoubt(
            f"{what} was sent, but no whole answer came ({why}). Whether it happened is unknown; it is looked up before"
            " anything is sent."
        )
    return errors.Transient(f"{what} brought no whole answer ({why}). It is tried again.")


def _never_left(what: str, cause: Exception, why: str) -> errors.ConnectorError:
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in _chain(cause)):
        return errors.Misconfigured(
            f"{what}: the certificate of the other side cannot be trusted ({why}). Check the address and the CA bundle."
        )
    if isinstance(cause, requests.RequestException) and isinstance(cause, ValueError):  # invalid URL, header, scheme
        return errors.Misconfigured(f"{what} cannot be addressed ({why}). Check the address of the connection.")
    return errors.Transient(f"{what}: the other side could not be reached ({why}). It is tried again.")


def _why(cause: Exception) -> str:
    innermost = list(_chain(cause))[-1]
    return re.sub(r"<[^>]*object at 0x[0-9a-f]+>[:,]?\s*", "", str(innermost)) or type(innermost).__name__


def _chain(cause: BaseException) -> Iterator[BaseException]:
    """The cause and what lies behind it: requests and urllib3 keep that in `reason`, in `args` or in the context."""
    for _ in range(10):
        yield cause
        inner = [getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__]
        following = next((link for link in inner if isinstance(link, BaseException) and link is not cause), None)
        if following is None:
            return
        cause = following


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from `Retry-After` (seconds or HTTP date), else from `X-RateLimit-Reset` when nothing remains (visma.md §6).

    A day at most: a date in the year 9999 is a mistake over there, and what waits for it would never be looked at again. Of
    a window more than an hour is not believed: milliseconds, or a point in time. Nor is 0: refused again and again, we would
    ask every second.
    """
    wait = _seconds(headers.get("Retry-After", "").strip(), headers)
    if wait is not None:
        return min(wait, LONGEST_WAIT)
    if headers.get("X-RateLimit-Remaining", "").strip() != "0":
        return None
    left = _seconds(headers.get("X-RateLimit-Reset", "").strip(), headers)
    return left if left and left <= LONGEST_WINDOW else None


def _seconds(text: str, headers: Mapping[str, str]) -> float | None:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        return float(text)
    at = _http_date(text)
    if at is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)  # their clock, where they tell it
    return max(0.0, (at - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
