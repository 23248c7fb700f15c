"""Plays stories on the field, many at once, and says in sentences what went wrong with which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.faults.field import Field
from tests.faults.stories import STORIES, Accept, Mail, Scene

MUST_BE_EMPTY = ("duplicate_orders", "duplicate_receipts", "duplicate_invoices", "unread_deleted", "files_waiting")
"""What must be even in the balance of both ledgers; the rest of it is about the sandbox's own suppliers."""


@dataclass
class Playing:
    """One story under way; `wrong` says what it found that should not be, "" while all is well."""

    name: str
    scene: Scene
    acts: Iterator[Accept | None]
    wrong: str = ""
    over: bool = False

    def act(self) -> Accept | None:
        """The next act. A story that finds something wrong goes no further."""
        try:
            return next(self.acts)
        except StopIteration:
            self.over = True
        except AssertionError as wrong:
            self.over, self.wrong = True, str(wrong)
        return None


class Play:
    """Stories on one field; `wrong` is what is amiss in the end."""

    def __init__(self, field: Field, mail: Mail) -> None:
        self.field = field
        self.mail = mail
        self.cast: list[Playing] = []

    def add(self, name: str) -> Playing:
        """One more story, not begun yet."""
        scene = Scene(self.field.world, self.mail)
        playing = Playing(name, scene, STORIES[name](scene))
        self.cast.append(playing)
        return playing

    def begin_act(self) -> bool:
        """Every story acts once. False when all are over."""
        for playing in [one for one in self.cast if not one.over]:
            asked = playing.act()
            if asked:
                self._accept(playing, asked)
        return any(not playing.over for playing in self.cast)

    def _accept(self, playing: Playing, asked: Accept) -> None:
        try:
            self.field.accept(asked.number, asked.cause)
        except AssertionError as wrong:
            playing.over, playing.wrong = True, str(wrong)

    def run(self, *, spared: set[str] | None = None) -> None:
        """Acts until every story is over; the product works after each."""
        while self.begin_act():
            self.field.until_idle(spared=spared)

    def wrong(self) -> list[str]:
        """Nothing, when each story ended as it must, both ledgers are even and every chain is whole."""
        found = [f"{one.name} of {', '.join(one.scene.orders)}: {one.wrong}" for one in self.cast if one.wrong]
        verdict = self.field.verdict()
        rests = [rest for playing in self.cast for rest in playing.scene.rests]
        stuck = verdict["not_delivered"]
        found += [line for line in stuck if not line.startswith(tuple(f"{rest}:" for rest in rests))]
        found += [
            f"should rest and does not: {rest}" for rest in rests if not any(one.startswith(rest) for one in stuck)
        ]
        balance = self.field.world.balance()
        found += [f"{name}: {balance[name]}" for name in MUST_BE_EMPTY if balance[name]]
        return found + [f"broken chain: {line}" for line in verdict["broken"]]
