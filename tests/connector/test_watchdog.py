"""The watchdog against real processes that die, hang, hide and refuse to go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.connector.processes import below, children, end, living, until

ROOT = Path(__file__).resolve().parents[2]

BEATING = """
import os, time, pathlib
place = pathlib.Path(os.environ["PLACE"])
with (place / "starts").open("a") as starts:
    starts.write(f"{os.getpid()}\\n")
while not (place / "hang").exists():
    (place / "mark").touch()
    time.sleep(0.05)
time.sleep(60)
"""
STUBBORN = """
import os, pathlib, signal, subprocess, sys, time
place = pathlib.Path(os.environ["PLACE"])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeper = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", sleeper])
forker = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {sleeper!r}], stdout=-3, stderr=-3).pid)"
orphan = subprocess.run([sys.executable, "-c", forker], capture_output=True, text=True).stdout.strip()
(place / "pids").write_text(f"{os.getpid()} {child.pid} {orphan}")
while True:
    (place / "mark").touch()
    time.sleep(0.05)
"""
FAILING = """
import os, pathlib, sys, time
with (pathlib.Path(os.environ["PLACE"]) / "starts").open("a") as starts:
    starts.write(f"{time.monotonic()}\\n")
sys.exit(3)
"""

Kennel = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def kennel(tmp_path: Path) -> Iterator[Kennel]:
    """Starts a watchdog over a service that runs the given Python text."""
    started: list[subprocess.Popen[str]] = []

    def start(text: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "tests.connector.kennel", str(tmp_path), sys.executable, "-c", text]
        process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        end([*below(process.pid), process.pid])
        process.wait()
        if process.stderr:
            process.stderr.close()


def starts(folder: Path) -> list[str]:
    path = folder / "starts"
    return path.read_text().split() if path.exists() else []


def test_what_was_killed_is_started_again(kennel: Kennel, tmp_path: Path) -> None:
    kennel(BEATING)
    until(lambda: starts(tmp_path))

    os.kill(int(starts(tmp_path)[0]), signal.SIGKILL)

    until(lambda: len(starts(tmp_path)) >= 2)


def test_what_hangs_is_ended_and_started_again(kennel: Kennel, tmp_path: Path) -> None:
    kennel(BEATING)
    until(lambda: (tmp_path / "mark").exists())

    (tmp_path / "hang").touch()
    until(lambda: not living([int(starts(tmp_path)[0])]))
    (tmp_path / "hang").unlink()

    until(lambda: len(starts(tmp_path)) > 1)


def test_silence_with_an_excuse_is_left_alone(kennel: Kennel, tmp_path: Path) -> None:
    watchdog = kennel(BEATING)
    until(lambda: (tmp_path / "mark").exists())
    (tmp_path / "excused").touch()
    (tmp_path / "hang").touch()

    with pytest.raises(subprocess.TimeoutExpired):  # nothing happens for more than twice the patience
        watchdog.wait(timeout=2.2)
    assert len(starts(tmp_path)) == 1
    (tmp_path / "excused").unlink()

    until(lambda: not living([int(starts(tmp_path)[0])]))


def test_a_crash_loop_pauses_longer_and_longer(kennel: Kennel, tmp_path: Path) -> None:
    watchdog = kennel(FAILING)
    until(lambda: len(starts(tmp_path)) >= 3)
    watchdog.send_signal(signal.SIGTERM)
    _, said = watchdog.communicate()

    first, second, third = map(float, starts(tmp_path)[:3])
    assert second - first > 0.5
    assert third - second > 1.0
    assert said.splitlines()[:2] == [
        f"dog ended with code 3; all of it was ended and starts again in {pause} s." for pause in ("0.5", "1.0")
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_takes_along_who_does_not_want_to_go(kennel: Kennel, tmp_path: Path, number: int) -> None:
    watchdog = kennel(STUBBORN)
    until(lambda: (tmp_path / "mark").exists())
    family = [*map(int, (tmp_path / "pids").read_text().split()), *below(watchdog.pid)]

    watchdog.send_signal(number)
    watchdog.wait(timeout=10)

    assert watchdog.returncode == 0
    assert living(family) == []


def test_nobody_outlives_a_watchdog_that_was_killed(kennel: Kennel, tmp_path: Path) -> None:
    watchdog = kennel(STUBBORN)
    until(lambda: (tmp_path / "mark").exists())
    family = [*map(int, (tmp_path / "pids").read_text().split()), *below(watchdog.pid)]

    watchdog.kill()

    until(lambda: not living(family))


def test_nobody_outlives_a_guard_that_was_killed(kennel: Kennel, tmp_path: Path) -> None:
    watchdog = kennel(STUBBORN)
    until(lambda: (tmp_path / "mark").exists())
    family = [int(pid) for pid in (tmp_path / "pids").read_text().split()]

    os.kill(children(watchdog.pid)[0], signal.SIGKILL)

    until(lambda: not living(family))


def test_a_guard_whose_parent_is_already_gone_starts_nothing(tmp_path: Path) -> None:
    never = tmp_path / "never"
    stranger = "1" if os.getpid() != 1 else "2"

    done = subprocess.run(
        [sys.executable, "-m", "connector.guard", stranger, "touch", str(never)], cwd=ROOT, check=False
    )

    assert done.returncode == 137
    assert not never.exists()
