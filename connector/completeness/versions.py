"""Which versions of a file nobody here has read, by SPS's transport log of its path (sps.md §3.5). Pure."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from operator import itemgetter

Log = list[tuple[str, str]]
"""Stamp and status of what happened to one path, in no order. Statuses seen: uploaded, downloaded, deleted."""

# within one second: the log is no finer
ORDER = ("uploaded", "downloaded", "deleted")
AFTER_A_READING = ("deleted", "uploaded", "downloaded")  # what is deleted then is what had been read before
# or the newer one was what was read: nothing tells where there is one of each, and what may be lost is asked for
REPLACED = ("downloaded", "uploaded", "deleted")


def unread_versions(log: Log, readings: int, *, listed: bool) -> list[str]:
    """The stamps of uploads that were gone before they were read. `readings`: how often this path was read and stored here.

    A file that was replaced where it lay is no loss, its sender meant the newer one; nor is what lies there now.
    The log does not say who downloaded: of more versions that are gone than we have read, someone else took the last.
    """
    tells_of_readings = any(status == "downloaded" for _, status in log)
    gone: list[tuple[str, bool]] = []
    uploaded, read = "", False
    last = max(log)[0] if log and not listed else ""
    for stamp, second in groupby(sorted(log), key=itemgetter(0)):
        statuses = Counter(status for _, status in second)
        order = AFTER_A_READING if uploaded and read else ORDER
        if uploaded and not read and stamp == last and all(statuses[each] == 1 for each in REPLACED):
            order = REPLACED
        for status in order:
            if status not in statuses:
                continue
            if status == "uploaded":
                uploaded, read = stamp, False
            elif status == "downloaded":
                read = True
            elif uploaded:
                gone.append((uploaded, read))
                uploaded = ""
    if uploaded and not listed:
        gone.append((uploaded, read))
    unread = [stamp for stamp, was_read in gone if not was_read] if tells_of_readings else []
    taken = len(gone) - len(unread) - readings
    return unread or ([gone[-1][0]] if taken > 0 else [])
