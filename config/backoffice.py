"""The look of the back office and its sidebar, in the order in which people work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _may(right: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(right)


def _style(request: HttpRequest) -> str:  # noqa: ARG001 - unfold's own signature
    return static("connector/backoffice.css")


def _icon(request: HttpRequest) -> str:  # noqa: ARG001 - unfold's own signature
    return static("connector/favicon.svg")


def _link(title: str, icon: str, address: str, right: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse_lazy(address), "permission": _may(right)}


def _list(title: str, icon: str, app: str, model: str) -> dict[str, Any]:
    return _link(title, icon, f"admin:{app}_{model}_changelist", f"{app}.view_{model}")


SIDEBAR = [
    {
        "items": [
            {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")},
            _link("Desk", "support_agent", "desk", "audit.view_hold"),
            _list("Documents", "description", "audit", "document"),
            _list("Orders", "shopping_cart", "mapping", "order"),
            _list("Receipts & invoices", "inventory", "mapping", "booking"),
        ]
    },
    {
        "title": "Partners & mappings",
        "collapsible": True,
        "items": [
            _list("Trading partners", "handshake", "mapping", "tradingpartner"),
            _list("Suppliers", "local_shipping", "mapping", "supplier"),
            _list("Item references", "barcode", "mapping", "itemreference"),
            _list("Items", "category", "mapping", "item"),
            _list("Units", "straighten", "mapping", "unitmapping"),
            _list("Taxes", "percent", "mapping", "taxmapping"),
            _list("Item tolerances", "tune", "mapping", "itemtolerance"),
            _list("Companies", "apartment", "mapping", "company"),
        ],
    },
    {
        "title": "Connections",
        "collapsible": True,
        "items": [
            _list("Connections", "cable", "connector", "connection"),
            _list("Streams", "water", "connector", "cursor"),
            _list("Webhooks", "webhook", "connector", "hook"),
            _list("Workers", "monitor_heart", "connector", "heartbeat"),
        ],
    },
    {
        "title": "Trail",
        "collapsible": True,
        "items": [
            _list("Files", "draft", "audit", "transmission"),
            _list("Holds", "front_hand", "audit", "hold"),
            _list("Decisions", "gavel", "audit", "decision"),
            _list("Events", "timeline", "audit", "event"),
            _list("HTTP calls", "swap_horiz", "audit", "exchange"),
        ],
    },
    {
        "title": "Users",
        "collapsible": True,
        "items": [
            _list("Users", "person", "auth", "user"),
            _list("Roles", "group", "auth", "group"),
            _list("API tokens", "key", "authtoken", "tokenproxy"),
        ],
    },
    {
        "title": "Queue",
        "collapsible": True,
        "items": [
            _list("Schedules", "schedule", "django_q", "schedule"),
            _list("Failed tasks", "error", "django_q", "failure"),
            _list("Done tasks", "task_alt", "django_q", "success"),
        ],
    },
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "ml-connector",
    "SITE_HEADER": "ml-connector",
    "SITE_SUBHEADER": "Visma.net ⇄ SPS Commerce",
    "SITE_SYMBOL": "sync_alt",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [_style],
    "DASHBOARD_CALLBACK": "connector.admin.dashboard.dashboard",
    "COLORS": {
        "primary": {
            "50": "oklch(97.1% .014 240)",
            "100": "oklch(94% .03 240)",
            "200": "oklch(88.2% .06 240)",
            "300": "oklch(80.9% .1 240)",
            "400": "oklch(70.7% .14 243)",
            "500": "oklch(62.3% .16 246)",
            "600": "oklch(52% .16 250)",
            "700": "oklch(45% .14 252)",
            "800": "oklch(39% .12 253)",
            "900": "oklch(34% .09 254)",
            "950": "oklch(25% .07 256)",
        }
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": SIDEBAR},
}
