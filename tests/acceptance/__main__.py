"""The long version of the invariants: so many generated cases, shared among the cores, each with a seed of its own.

`python -m tests.acceptance --cases 10000 --seed 1`; a failing share prints the case and the command that repeats it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEST = "tests/acceptance/test_invariants.py"
COMMAND = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", TEST]


def main() -> int:
    """Runs all shares; 0 when every one holds."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--cases", type=int, default=10_000)
    wanted.add_argument("--seed", type=int, default=1, help="of the first share; each further one has the next")
    wanted.add_argument("--shares", type=int, default=os.cpu_count() or 1)
    given = wanted.parse_args()
    began = time.monotonic()
    sizes = [given.cases // given.shares + (place < given.cases % given.shares) for place in range(given.shares)]
    with tempfile.TemporaryDirectory() as folder:
        started = [_start(given.seed + place, size, Path(folder)) for place, size in enumerate(sizes)]
        failed = [share for share in started if share[0].wait() != 0]
        ran = sum(int(path.read_text()) for path in Path(folder).glob("*.ran"))
        for _, said, again in failed:
            print(said.read_text(), f"Again: {again}", sep="\n")
    seeds = f"{given.seed} to {given.seed + given.shares - 1}"
    print(
        f"{ran} cases in {time.monotonic() - began:.0f} s, seeds {seeds}: {len(failed)} of {given.shares} shares failed."
    )
    return 1 if failed or ran < given.cases else 0


def _start(seed: int, cases: int, folder: Path) -> tuple[subprocess.Popen[bytes], Path, str]:
    own = {"GENERATED_CASES": str(cases), "GENERATED_SEED": str(seed)}
    said = folder / f"{seed}.said"
    environment = {**os.environ, **own, "GENERATED_RAN": str(folder / f"{seed}.ran")}
    with said.open("wb") as out:
        process = subprocess.Popen(COMMAND, env=environment, stdout=out, stderr=subprocess.STDOUT)
    again = " ".join(f"{name}={value}" for name, value in own.items())
    return process, said, f"{again} {' '.join(COMMAND)}"


if __name__ == "__main__":
    sys.exit(main())
