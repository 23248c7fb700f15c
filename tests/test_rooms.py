"""The table of rooms as a test: who may import whom, and the house rules that can be seen in the source text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
APPS = ("config", "mapping", "audit", "connector")
QUEUE_AND_HTTP = ("django_q", "requests", "urllib3")


@dataclass(frozen=True)
class Room:
    """`may` names what of our own a room may import besides itself (None: anything), `never` what it must not know at all."""

    name: str
    may: tuple[str, ...] | None
    never: tuple[str, ...]
    why: str


REMOTE = "speaks for one remote system through connector.http, and knows neither the other one nor models and settings"
STEPS = "moves documents through the ledger; HTTP belongs to the clients, waking up to connector.tasks"
VERBS = "calls one verb of the layer below; rules belong into flows, HTTP into the clients"
ROOMS = [
    Room("mapping", (), QUEUE_AND_HTTP, "knows parties and orders, and neither documents nor HTTP nor the queue"),
    Room("audit", ("mapping",), QUEUE_AND_HTTP, "keeps documents and their trail; it never calls upwards"),
    Room("connector.errors", (), ("django", *QUEUE_AND_HTTP), "is the ground that everything stands on"),
    Room(
        "connector.rsx",
        ("connector.errors",),
        ("django", *QUEUE_AND_HTTP),
        "turns bytes into papers and back, nothing else",
    ),
    Room(
        "connector.http",
        ("connector.errors",),
        ("django", "django_q"),
        "hands each call to the recorder that it was given",
    ),
    Room("connector.visma", ("connector.http", "connector.errors"), ("django", *QUEUE_AND_HTTP), REMOTE),
    Room("connector.sps", ("connector.http", "connector.errors"), ("django", *QUEUE_AND_HTTP), REMOTE),
    Room(
        "connector.flows",
        ("connector.rsx", "connector.visma", "connector.sps", "connector.errors", "mapping"),
        ("django", *QUEUE_AND_HTTP),
        "decides; the ledger, the queue and the settings are the pipeline's",
    ),
    Room("connector.pipeline", None, (*QUEUE_AND_HTTP, "connector.tasks", "connector.admin", "connector.api"), STEPS),
    Room("connector.polling", None, (*QUEUE_AND_HTTP, "connector.tasks", "connector.admin", "connector.api"), STEPS),
    Room("connector.tasks", None, ("connector.flows", "connector.admin", "connector.api", "requests"), VERBS),
    Room("connector.management", None, ("connector.flows", "connector.admin", "requests"), VERBS),
    Room("connector.admin", None, ("connector.flows", "connector.visma", "connector.sps", "requests"), VERBS),
    Room(
        "connector.api",
        None,
        ("connector.flows", "connector.admin", "connector.visma", "connector.sps", "requests"),
        VERBS,
    ),
    Room("connector.models", ("connector.fields", "mapping"), QUEUE_AND_HTTP, "says how remote systems are reached"),
    Room(
        "connector.sandbox", (), ("django", "pydantic", "django_q"), "is the outside world and shares nothing with us"
    ),
    Room("connector.guard", (), ("django", "django_q"), "must start fast and never fail"),
    Room("connector.watchdog", ("connector.guard",), ("django", "django_q"), "does not know what it keeps alive"),
]
SIGNALS = (
    "django.dispatch",
    "django.db.models.signals",
    "django.core.signals",
    "django_q.signals",
    "django.test.signals",
)
LEDGER = "audit.ledger"
LEDGERS_OWN = {"Document", "DocumentLine", "DocumentOrder", "Transmission", "Event", "Decision"}
BORN_IN_THE_LEDGER = {"Document", "Transmission", "Event"}  # lines are filled in by the pipeline and handed over
WRITES = {"create", "bulk_create", "get_or_create", "update_or_create", "update", "bulk_update", "delete", "save"}
ENVIRONMENT_READERS = {
    "connector/watchdog.py": "hands it on to what it starts",
    "connector/management/commands/demo.py": "hands it on to what it starts",
    "connector/demo/company.py": "puts the sandbox's secrets there, where `connect` looks for them",
    "connector/management/commands/connect.py": "takes secrets from it, for they have no place on a command line",
}


class Import(NamedTuple):
    line: int
    name: str
    inside: bool  # of a function


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def modules() -> list[Path]:
    paths = [path for app in APPS for path in sorted((ROOT / app).rglob("*.py"))]
    return [path for path in paths if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def at(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def imports(path: Path) -> Iterator[Import]:
    lines_of_functions = {id(inner) for node in ast.walk(tree(path)) if is_function(node) for inner in ast.walk(node)}
    for node in ast.walk(tree(path)):
        inside = id(node) in lines_of_functions
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (Import(node.lineno, f"{origin}.{alias.name}", inside) for alias in node.names)


def is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def within(name: str, *rooms: str) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def wrong(room: Room, name: str) -> bool:
    if within(name, *room.never):
        return True
    return room.may is not None and within(name, *APPS) and not within(name, room.name, *room.may)


def names_in(chain: ast.expr) -> Iterator[str]:
    """`Document.objects.filter(…).update` gives update, filter, objects, Document."""
    while True:
        if isinstance(chain, ast.Call):
            chain = chain.func
        elif isinstance(chain, ast.Attribute):
            yield chain.attr
            chain = chain.value
        else:
            if isinstance(chain, ast.Name):
                yield chain.id
            return


def writes_documents(call: ast.Call) -> bool:
    """`Document.objects….update(…)`, `Event(…)`, `document.save()`: as far as the text shows."""
    names = list(names_in(call))
    if names in (["save", "document"], ["delete", "document"], ["save", "event"], ["delete", "event"]):
        return True
    if len(names) == 1:
        return names[0] in BORN_IN_THE_LEDGER
    return bool(names) and names[-1] in LEDGERS_OWN and names[0] in WRITES and "objects" in names


def test_imports_stand_in_the_right_room() -> None:
    complaints = [
        f"{at(path, line)}: `{name}` has no business in {room.name}, which {room.why}."
        for path in modules()
        for room in ROOMS
        if within(name_of(path), room.name)
        for line, name, _ in imports(path)
        if wrong(room, name)
    ]
    assert not complaints, "\n".join(complaints)


def test_every_room_of_the_table_exists() -> None:
    missing = [room.name for room in ROOMS if not any(within(name_of(path), room.name) for path in modules())]

    assert missing == [], "the table speaks of rooms that are gone"


def test_imports_are_absolute_and_at_the_top() -> None:
    complaints = [
        f"{at(path, line)}: `{name}` is imported {'inside a function' if inside else 'by a relative path'}: "
        "what a module needs is said once, at its top and in full; if that makes a circle, something stands in the wrong room."
        for path in modules()
        for line, name, inside in imports(path)
        if inside or name.startswith(".")
    ]
    assert not complaints, "\n".join(complaints)


def test_nothing_happens_by_signal_or_by_looking_up_names() -> None:
    complaints = [
        f"{at(path, line)}: `{name}`: whoever reads a call must see what it calls; call it."
        for path in modules()
        for line, name, _ in imports(path)
        if within(name, *SIGNALS, "importlib", "django.utils.module_loading")
    ]
    assert not complaints, "\n".join(complaints)


def test_only_the_ledger_writes_documents_and_events() -> None:
    complaints = [
        f"{at(path, node.lineno)}: `{ast.unparse(node.func)}` writes what {LEDGER} alone writes: add a verb there and call it."
        for path in modules()
        if not within(name_of(path), LEDGER)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and writes_documents(node)
    ]
    assert not complaints, "\n".join(complaints)


def test_only_the_settings_read_the_environment() -> None:
    complaints = [
        f"{at(path, node.lineno)}: `os.{node.attr}` belongs into config/settings.py."
        for path in modules()
        if not within(name_of(path), "config") and str(path.relative_to(ROOT)) not in ENVIRONMENT_READERS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert not complaints, "\n".join(complaints)


def test_row_locks_leave_foreign_keys_alone() -> None:
    complaints = [
        f"{at(path, node.lineno)}: without `no_key=True` two workers can wait for each other (mapping/locks.py)."
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "select_for_update"
        if "no_key" not in {keyword.arg for keyword in node.keywords}
    ]
    assert not complaints, "\n".join(complaints)


def test_every_module_says_what_it_is_for() -> None:
    complaints = [
        f"{path.relative_to(ROOT)} opens without saying in one to five lines what this room is for."
        for path in modules()
        if tree(path).body and not 1 <= len((ast.get_docstring(tree(path)) or "").splitlines()) <= 5
    ]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("Document.objects.filter(pk=1).update(status='held')", True),
        ("Event.objects.create(document=document)", True),
        ("Document(kind='order')", True),
        ("document.save()", True),
        ("Document.objects.filter(pk=1).count()", False),
        ("changes.update(status='held')", False),
        ("Hold.objects.update(comment='')", False),
    ],
)
def test_what_counts_as_writing(text: str, is_one: bool) -> None:
    (statement,) = ast.parse(text).body

    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert writes_documents(statement.value) is is_one
