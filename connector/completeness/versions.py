"""Which versions of a file nobody here has read, by SPS's transport log of its path (sps.md §3.5). Pure."""

from __future__ import annotations

Log = list[tuple[str, str]]
"""Stamp and status of what happened to one path, in no order. Statuses seen: uploaded, downloaded, deleted."""

ORDER = ("uploaded", "downloaded", "deleted")  # within one second: the log is no finer


def unread_versions(log: Log, readings: int, *, listed: bool) -> list[str]:
    """The stamps of uploads that were gone before they were read. `readings`: how often this path was read and stored here.

    A file that was replaced where it lay is no loss, its sender meant the newer one; nor is what lies there now.
    The log does not say who downloaded: of more versions that are gone than we have read, someone else took the last.
    """
    events = sorted(log, key=lambda event: (event[0], ORDER.index(event[1]) if event[1] in ORDER else len(ORDER)))
    tells_of_readings = any(status == "downloaded" for _, status in events)
    gone: list[tuple[str, bool]] = []
    uploaded, read = "", False
    for stamp, status in events:
        if status == "uploaded":
            uploaded, read = stamp, False
        elif status == "downloaded":
            read = True
        elif status == "deleted" and uploaded:
            gone.append((uploaded, read))
            uploaded = ""
    if uploaded and not listed:
        gone.append((uploaded, read))
    unread = [stamp for stamp, was_read in gone if not was_read] if tells_of_readings else []
    taken = len(gone) - len(unread) - readings
    return unread or ([gone[-1][0]] if taken > 0 else [])
