"""A process that lives and dies with the one that started it, and takes everything it started along.

`python -m connector.guard PARENT_PID COMMAND …` leads a session of its own. It ends its whole family when the parent is
gone (even by kill -9), when the command ends, and some time after SIGTERM or SIGINT, which it passes on to the command.
Knows nothing of Django: it must start fast and never fail.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import psutil

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
ORPHANED = signal.SIGUSR1  # how the kernel tells us that the parent is gone


def adopt_orphans() -> None:
    """Grandchildren whose parent ends become ours (Linux; elsewhere they go to process 1 and only the group is left)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def command_line(argv: list[str]) -> list[str]:
    """`argv` under a guard that is tied to the calling process. Call from the main thread: the tie is to the thread."""
    return [sys.executable, "-m", "connector.guard", str(os.getpid()), *argv]


def end_family(leader: int, seconds: float = 5.0) -> None:
    """Kill the session that `leader` leads, also what we adopted of it, until nothing is left or `seconds` are over."""
    deadline = time.monotonic() + seconds
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    while (left := family(leader)) and time.monotonic() < deadline:
        for process in left:
            with suppress(psutil.Error):
                process.kill()
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        time.sleep(0.01)


def family(leader: int) -> list[psutil.Process]:
    """Everyone in the session that `leader` leads, without the leader, found from the calling process downwards."""
    return [process for process in _descendants(os.getpid()) if process.pid != leader and _session(process) == leader]


def main(parent: int, argv: list[str]) -> NoReturn:
    """Run `argv` to its end and exit with its code; 137 when the parent was lost."""
    signal.signal(ORPHANED, _lost)
    _prctl(PR_SET_PDEATHSIG, ORPHANED)
    if os.getppid() != parent:  # it died before the tie was made
        sys.exit(137)
    adopt_orphans()
    command = subprocess.Popen(argv)  # noqa: S603 - running what it is told to is what a guard is for

    def pass_on(number: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            command.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    code = command.wait()
    _end_all_below()
    sys.exit(code if code >= 0 else 128 - code)


def _lost(_number: int, _frame: FrameType | None) -> None:
    _end_all_below()
    os._exit(137)


def _end_all_below() -> None:
    """Two rounds see the same children only when nobody was born or adopted between them."""
    me = os.getpid()
    while below := _descendants(me):
        for process in below:
            with suppress(psutil.Error):
                process.kill()
        _reap()
        time.sleep(0.01)


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _descendants(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _session(process: psutil.Process) -> int:
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(process.pid)
    return 0


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
