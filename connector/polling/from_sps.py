"""SPS's mailbox and its history: a file is deleted there only once it is stored here."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from audit import ledger
from audit.models import Document, Kind, Status
from connector import clients
from connector.budget import ANSWERS
from connector.errors import Misconfigured, NotFound, RateLimited, Rejected, Transient, TypeConflict
from connector.http.words import is_web_page
from connector.models import Connection, Cursor
from connector.polling.stream import Stream, a_while, note_problem, renew
from connector.rsx import envelope
from connector.sps.client import SpsClient

MISSING_FOR = timedelta(hours=24)  # a mailbox directory that stays away so long is worth a warning (sps.md §3.3)
READ_SECONDS = 45.0  # then what has come is worked on; to list the mailbox again takes a call or two
GIVE_UP_AFTER = 3  # files in a row that could not be fetched for now: the system is away, not the file
HISTORY_REACH = timedelta(days=7)
LONG_LOOK = timedelta(hours=1)
TAKEN = ("deleted", "downloaded")
# an invoice finds its goods announced by the same poll
IN_TURN: dict[str, int] = {Kind.ORDER_ACK: 0, Kind.SHIPMENT: 1, Kind.INVOICE: 2}
BLANK = b"\xef\xbb\xbf \t\r\n\x00"


def _sps(connection: Connection, cursor: Cursor, priority: int) -> SpsClient:
    return clients.sps_client(connection, priority=priority, before=lambda: renew(cursor))


def _mailbox(connection: Connection, cursor: Cursor, priority: int) -> str:
    """List, then for each file: read, store, commit, delete (sps.md §3.9)."""
    sps = _sps(connection, cursor, priority)
    listing = sps.walk(connection.out_dir)
    files = sorted(listing, key=lambda entry: IN_TURN.get(_promised_kind(entry.path), 0))
    if cursor.problem:  # files that fail each time must not stand before the others for ever
        random.shuffle(files)
    _problem_of_directory(cursor, connection, missing=listing.missing)
    failures: list[str] = []
    refused: list[str] = []
    in_a_row = 0
    for entry in a_while(files, READ_SECONDS):
        try:
            _fetch(connection, sps, entry.path)
            in_a_row = 0
        except (RateLimited, Misconfigured):
            raise
        except Transient as error:
            failures.append(f"{entry.path}: {error}")
            in_a_row += 1
        except Rejected as error:
            refused.append(f"{entry.path}: {error}")
        if in_a_row >= GIVE_UP_AFTER:
            break
    if failures:
        raise Transient(f"{len(failures)} files could not be fetched: {failures[0]}")
    if not listing.missing:  # what is refused is tried again with every poll, and nothing else waits for it
        note_problem(cursor, f"{len(refused)} files cannot be fetched: {refused[0]}" if refused else "")
    return ""


def _problem_of_directory(cursor: Cursor, connection: Connection, *, missing: bool) -> None:
    """A missing directory is nothing there now; only one that lasts is worth a word (sps.md §3.3)."""
    if not missing:
        cursor.value = ""
        return
    since = cursor.problem_since or timezone.now()
    lasting = timezone.now() - since >= MISSING_FOR
    cursor.problem_since = since
    warning = f"SPS has no directory {connection.out_dir} for {MISSING_FOR.total_seconds() / 3600:.0f} hours now."
    cursor.problem = warning if lasting else ""


def _fetch(connection: Connection, sps: SpsClient, path: str) -> None:
    """One file into the store, then off the mailbox. Raises Transient, Rejected, Misconfigured."""
    try:
        content = sps.read(path, settings.FILE_LIMIT_BYTES)
    except NotFound:
        return  # gone between the listing and now: another run of ours, or SPS itself
    now = timezone.now()
    if _is_hardly_a_file(content) and ledger.keep(connection.company, path, content, now=now)[1]:
        raise Transient("Nothing came, or a web page. It counts as the file when the next poll brings the same.")
    document, new = ledger.store(connection.company, path, content, kind=_promised_kind(path), now=now)
    _delete(sps, document, new)


def _is_hardly_a_file(content: bytes) -> bool:
    """What a proxy on the way may have put in the place of a file: nothing, or a page of its own."""
    return not content.strip(BLANK) or is_web_page(content)


def _delete(sps: SpsClient, document: Document, new: bool) -> None:
    """Deleted only once it is stored for good. What had been deleted before has come a second time, byte for byte."""
    now = timezone.now()
    if not new and document.transmission.removed_at:
        ledger.note(document, "came again", now=now, reason="The same bytes under the same path.")
    sps.delete(document.transmission.path)
    ledger.removed_at_source(document.transmission, now=now)


def _promised_kind(path: str) -> str:
    try:
        kind = envelope.expected_kind(path)
    except TypeConflict:
        return Kind.UNSUPPORTED
    return str(kind) if kind and kind != "order" else Kind.UNSUPPORTED


def _history(connection: Connection, cursor: Cursor, priority: int) -> str:
    """Which orders SPS has taken from the mailbox; asked only while one is not known to be (sps.md §3.5).

    Young ones are asked about with every poll. An order that lies there for days would make each of them read days of
    history, so old ones are asked about once an hour; `cursor.value` is when that was last.
    """
    now = timezone.now()
    is_long = not cursor.value or datetime.fromisoformat(cursor.value) <= now - LONG_LOOK
    reach = HISTORY_REACH if is_long else LONG_LOOK
    waiting = Document.objects.filter(
        company=connection.company,
        kind=Kind.ORDER,
        status=Status.DELIVERED,
        picked_up_at=None,
        delivered_at__gte=now - reach,
    )
    paths = {document.output_ref.lstrip("/"): document for document in waiting.defer("output")}
    note_problem(cursor, "")
    if paths:
        since = min(_sent_at(document) for document in paths.values()) - timedelta(minutes=5)
        for entry in _sps(connection, cursor, priority).history(since, None):
            document = paths.get(entry.path.lstrip("/"))
            if document and any(status in TAKEN for status, _, _ in entry.log):
                ledger.note(document, "picked up", now=now, facts={"path": entry.path}, picked_up_at=now)
    return now.isoformat() if is_long else cursor.value


def _sent_at(document: Document) -> datetime:
    """When it may have left for the first time: one that was found after a doubt had arrived long before `delivered_at`."""
    began = document.progress.get("began")
    return datetime.fromisoformat(str(began)) if began else document.delivered_at or document.created_at


STREAMS = (
    Stream("mailbox", Connection.System.SPS, ANSWERS, _mailbox),
    Stream("history", Connection.System.SPS, ANSWERS, _history, optional=True),
)
