"""The long runs; each ends with exit 1, and the command that repeats it, when something is lost, doubled or stuck.

`python -m tests.faults --documents 10000 --kills 200 --fault-rate 0.1 --seed N`: orders in batches; product processes are
killed at random boundaries while calls fail by chance; ends with the balance of both sandbox ledgers.
`python -m tests.faults --kill [--story NAME]`: kill -9 at every boundary of every story, one after another.
`python -m tests.faults --break [--story NAME | --shared] [--call CALL] [--fault KIND]`: every call breaks in every way, once.
All take `--workers N`, `--postgres` and `--seed N`.
"""

from __future__ import annotations

import argparse
import sys
import time

from connector.sandbox import KINDS
from tests import postgres
from tests.faults import matrix, storm
from tests.faults.field import Field
from tests.faults.player import Play
from tests.faults.stories import PARTNERS, STORIES, Mail


def main() -> int:
    asked = _asked()
    began = time.perf_counter()
    if asked.kill:
        wrong = _killed(asked)
    elif asked.break_:
        wrong = _broken(asked)
    else:
        wrong = storm.run(asked)
    for line in wrong:
        sys.stdout.write(f"WRONG: {line}\n")
    sys.stdout.write(f"{time.perf_counter() - began:.0f} s, seed {asked.seed}: {'WRONG' if wrong else 'all is well'}\n")
    if wrong:
        sys.stdout.write(f"Again with: python -m tests.faults {' '.join(sys.argv[1:])}\n")
    return 1 if wrong else 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--fault-rate", type=float, default=0.1)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--break", action="store_true", dest="break_")
    parser.add_argument("--story", choices=sorted(STORIES), default="")
    parser.add_argument("--shared", action="store_true", help="only calls that belong to no order")
    parser.add_argument("--call", default="", help="e.g. 'visma POST /v1/PurchaseReceipt 1', as printed")
    parser.add_argument("--fault", choices=KINDS, default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    return parser.parse_args()


def _killed(asked: argparse.Namespace) -> list[str]:
    """Each story in a world of its own, so that every one dies at every boundary."""
    found = []
    for story in [asked.story] if asked.story else list(STORIES):
        mail = Mail()
        database = postgres.start() if asked.postgres else ""
        with Field(asked.seed, workers=asked.workers, database=database, partners=PARTNERS, between=mail) as field:
            play = Play(field, mail)
            play.add(story)
            play.run(spared=set())
            found += play.wrong()
            sys.stderr.write(f"{story}: {len(field.kills)} kills, {field.passes} passes\n")
    return found


def _broken(asked: argparse.Namespace) -> list[str]:
    """Story by story; with `--call` and `--fault` that one alone."""
    stories = [asked.story] if asked.story else list(STORIES)
    pairs = [pair for pair in matrix.all_pairs(stories, asked.seed) if _is_asked(pair, asked)]
    found = [] if pairs else ["No such call: see what is printed without --call."]
    for story in {pair.story: None for pair in pairs}:
        own = [pair for pair in pairs if pair.story == story]
        database = postgres.start() if asked.postgres else ""
        found += matrix.broken(own, asked.seed, workers=asked.workers, database=database)
        sys.stderr.write(f"{story or 'shared calls'}: {len(own)} pairs of call and fault\n")
    return found


def _is_asked(pair: matrix.Pair, asked: argparse.Namespace) -> bool:
    if asked.call not in ("", str(pair.call)) or asked.fault not in ("", pair.kind):
        return False
    return not pair.story if asked.shared else pair.story == asked.story if asked.story else True


if __name__ == "__main__":
    sys.exit(main())
