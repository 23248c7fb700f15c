"""Addresses and directories of remote systems as they may be set, and the guard against two companies in one mailbox."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import product
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from connector.errors import Misconfigured
from connector.http.session import checked_address
from connector.models import Connection


class BadAddress(ValueError):
    """What was given cannot be an address or a directory; `str()` is a sentence."""


def address(text: str) -> str:
    """An http(s) address without trailing slash, host in small letters. Raises BadAddress.

    Plain http would show credentials to the network: it is for loopback only, unless DEBUG is on.
    """
    try:
        parts = urlsplit(checked_address(text.strip()))
    except Misconfigured as error:
        raise BadAddress(str(error)) from error
    if parts.scheme == "http" and not _is_loopback(parts.hostname or "") and not settings.DEBUG:
        raise BadAddress(f"{text} is plain http, and credentials would travel readably: use https.")
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path, "", ""))


def directory(text: str) -> str:
    """A directory of the mailbox as we write it: no leading slash, one trailing slash. Raises BadAddress."""
    parts = [part for part in text.strip().split("/") if part]
    if not parts or any(part in (".", "..") or not part.isprintable() for part in parts):
        raise BadAddress(f"{text!r} is no directory of a mailbox: it must read like in/ or out/PO/.")
    return "/".join(parts) + "/"


def mailbox_conflict(connection: Connection) -> str:
    """Why an SPS connection may not use its directories, as a sentence; "" when it may."""
    if _overlap(connection.in_dir, connection.out_dir):
        return f"{connection.in_dir} and {connection.out_dir} overlap: our own orders would be read as answers and deleted."
    others = Connection.objects.filter(system=Connection.System.SPS, client_id=connection.client_id)
    # Only what is compared: other companies' secrets are not read for this.
    rows = others.exclude(pk=connection.pk).values_list("url", "in_dir", "out_dir", "company__name")
    for url, in_dir, out_dir, company in rows:
        pairs = product((connection.in_dir, connection.out_dir), (in_dir, out_dir))
        shared = next((ours for ours, theirs in pairs if _overlap(ours, theirs)), None)
        if url.rstrip("/").lower() == connection.url.rstrip("/").lower() and shared:
            return (
                f"{company} already trades through {shared} of the same SPS client: the two would replace and delete each "
                "other's files. Give each company a client or directories of its own (--sps-in, --sps-out)."
            )
    return ""


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False
