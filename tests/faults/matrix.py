"""Every call of every story goes wrong in every way, each once: one story per pair of call and fault, many in one world.

Calls that belong to no order (tokens, lists, the transport log) go wrong one after another while the stories are told.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from connector.sandbox import KINDS, World
from tests.faults.field import Field
from tests.faults.paths import pattern
from tests.faults.player import Play, Playing
from tests.faults.stories import PARTNERS, STORIES, Mail

METHODS = ("GET", "POST", "PUT", "DELETE")
SYSTEMS = ("visma", "sps")
TIMEOUT = 0.5
SLOW = 0.8
"""Seconds of an answer that is too slow for the time-out above."""
SHARED = ""
"""In place of a story's name: a call that belongs to no order."""
PATIENCE = 12
"""Passes in which a shared call must have gone wrong; then its turn comes again later."""
MOST_ROUNDS = 12


@dataclass(frozen=True)
class Call:
    """The `nth` call of its kind in a story."""

    system: str
    method: str
    path: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.system} {self.method} {self.path} {self.nth}"


@dataclass(frozen=True)
class Pair:
    """One fault on one call of one story; the command that repeats it alone is `again`."""

    story: str
    call: Call
    kind: str

    @property
    def again(self) -> str:
        story = f"--story {self.story}" if self.story else "--shared"
        return f"python -m tests.faults --break {story} --call '{self.call}' --fault {self.kind}"


class Aim:
    """A fault waiting for its call; `hit` once it has happened. Without `playing` any order's call will do."""

    def __init__(self, pair: Pair, world: World, playing: Playing | None = None) -> None:
        self.pair = pair
        self.hit = False
        self.playing = playing
        self._world = world
        self._seen = 0
        self._waited = 0

    def arm(self) -> None:
        """A token is fetched only where the last one has ended."""
        call, site = self.pair.call, getattr(self._world, self.pair.call.system)
        if call.path.endswith("/token"):
            site.expire_tokens()
        site.faults.fault(call.method, "*", self.pair.kind, seconds=SLOW, when=self._is_it)

    def waited(self) -> bool:
        """Another pass has gone by without it; whether that is enough."""
        self._waited += 1
        return self._waited % PATIENCE == 0

    def _is_it(self, path: str, body: bytes) -> bool:
        if self.hit or pattern(path) != self.pair.call.path:
            return False
        if self.playing and not concerned(self._world, path, body).intersection(self.playing.scene.orders):
            return False
        self._seen += 1
        self.hit = self._seen == self.pair.call.nth
        return self.hit


class Queue:
    """Shared calls go wrong one after another: the next one is armed when the last one has happened."""

    def __init__(self, aims: Iterable[Aim], mail: Mail) -> None:
        self.left = deque(aims)
        self._mail = mail
        self._armed: Aim | None = None

    def __call__(self, world: World) -> None:
        """After every pass."""
        self._mail(world)
        if self._armed and not self._armed.hit:
            if not self._armed.waited():
                return
            self.left.append(self._armed)
        self._armed = self.left.popleft() if self.left else None
        if self._armed:
            self._armed.arm()

    @property
    def empty(self) -> bool:
        return not self.left and (self._armed is None or self._armed.hit)


def concerned(world: World, path: str, body: bytes) -> set[str]:
    """The orders that a call is about, by its path, its body, or the booking that its path names."""
    books = world.visma.books
    said = path + body.decode("latin-1")
    with books.lock:
        for number in re.findall(r"/PurchaseReceipt/(PR\d+)", path):
            said += str(books.receipts[number].body["supplierRef"]) if number in books.receipts else ""
        for number in re.findall(r"/Invoice/(\d+)", path):
            key = f"Invoice/{number}"
            said += str(books.invoices[key].body["supplierReference"]) if key in books.invoices else ""
    return set(re.findall(r"PO\d{6}", said))


def calls_of(stories: Sequence[str], seed: int) -> dict[str, list[Call]]:
    """What each story calls when nothing goes wrong; under SHARED what belongs to none of them."""
    mail, heard = Mail(), list[tuple[Call, set[str]]]()
    with Field(seed, partners=PARTNERS, between=mail) as field:
        _listen(field.world, lambda call, orders: heard.append((call, orders)))
        play = Play(field, mail)
        cast = {story: play.add(story) for story in stories}
        play.run()
        if wrong := play.wrong():
            raise AssertionError(f"The stories go wrong without any fault: {wrong}")
        owners = {order: story for story, playing in cast.items() for order in playing.scene.orders}
    counted: Counter[tuple[str, Call]] = Counter()
    for call, orders in heard:
        for story in {owners.get(order, SHARED) for order in orders} or {SHARED}:
            counted[story, call] += 1
    found: dict[str, list[Call]] = {}
    for (story, call), times in counted.items():
        most = times if story else 1
        found.setdefault(story, []).extend(replace(call, nth=nth) for nth in range(1, most + 1))
    return found


def _listen(world: World, tell: Callable[[Call, set[str]], None]) -> None:
    """A planned fault that never fits hears every call."""

    def heard(system: str, method: str, path: str, body: bytes) -> bool:
        tell(Call(system, method, pattern(path)), concerned(world, path, body))
        return False

    for system in SYSTEMS:
        for method in METHODS:
            getattr(world, system).faults.fault(method, "*", "refuse", when=partial(heard, system, method))


def all_pairs(stories: Sequence[str], seed: int) -> list[Pair]:
    """Call by call, fault by fault. There are no etags at SPS to conflict."""
    return [
        Pair(story, call, kind)
        for story, calls in calls_of(stories, seed).items()
        for call in calls
        for kind in KINDS
        if (call.system, kind) != ("sps", "etag_conflict")
    ]


def a_slice(pairs: Sequence[Pair], step: int) -> list[Pair]:
    """Every `step`-th pair: with a step that has no divisor in common with the number of faults, every fault in turn."""
    return list(pairs[::step])


def broken(pairs: Sequence[Pair], seed: int, *, workers: int = 1, database: str = "") -> list[str]:
    """Plays each pair; what went wrong, each with the command that repeats it. Nothing, when all is well."""
    mail = Mail()
    queue = Queue((), mail)
    with Field(
        seed, workers=workers, database=database, timeout=TIMEOUT, partners=PARTNERS, between=lambda world: queue(world)
    ) as field:
        play = Play(field, mail)
        aims = [Aim(pair, field.world, play.add(pair.story)) for pair in pairs if pair.story]
        shared = [Aim(pair, field.world) for pair in pairs if not pair.story]
        queue.left.extend(shared)
        for aim in aims:
            aim.arm()
        _tell(play, queue)
        found = [f"{aim.pair.kind} never happened on {aim.pair.call}" for aim in (*aims, *shared) if not aim.hit]
        return [_with_command(line, aims, shared) for line in (*play.wrong(), *found)]


def _tell(play: Play, queue: Queue) -> None:
    """All stories at once, and further ordinary ones while shared calls are left to go wrong."""
    for _ in range(MOST_ROUNDS):
        play.run()
        if queue.empty:
            return
        for story in STORIES:
            play.add(story)


def _with_command(line: str, aims: Sequence[Aim], shared: Sequence[Aim]) -> str:
    named = set(re.findall(r"PO\d{6}", line))
    guilty = [aim for aim in aims if aim.playing and named.intersection(aim.playing.scene.orders)]
    guilty = guilty or [aim for aim in (*aims, *shared) if not aim.hit and str(aim.pair.call) in line]
    commands = " or ".join(aim.pair.again for aim in guilty[:3])
    return f"{line}. Again with: {commands}" if commands else line
