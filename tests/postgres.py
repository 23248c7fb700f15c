"""A throw-away PostgreSQL from installed binaries: ready in about a second, gone with the test run, even after kill -9."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from connector import guard

ACCOUNT = "postgres"  # PostgreSQL refuses to run as root


def start() -> str:
    """Start a server on a free loopback port; its address as a DATABASE_URL. Raises RuntimeError when it cannot run."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT)
    _run(["initdb", "-D", f"{folder}/data", "-U", "app", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"])
    port = _free_port()  # after what takes long: others look for one, too
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "max_connections": 200,
    }
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        guard.command_line(_as_account(["postgres", "-D", f"{folder}/data", "-p", str(port), *flags])),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    atexit.register(_stop, server, folder, os.getpid())
    _wait(server, port, folder)
    return f"postgres://app@127.0.0.1:{port}/postgres"


def _binary(name: str) -> str:
    """On the PATH, else of the newest version where Debian puts them."""
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(versions, key=lambda path: float(path.parent.name), reverse=True)
    found = shutil.which(name) or next((str(path / name) for path in newest_first if (path / name).exists()), "")
    if not found:
        raise RuntimeError(
            f"{name} is not installed: install postgresql, or run the tests without TEST_DATABASE=postgres."
        )
    return found


def _as_account(argv: list[str]) -> list[str]:
    argv = [_binary(argv[0]), *argv[1:]]
    return (
        ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups", *argv] if os.geteuid() == 0 else argv
    )


def _run(argv: list[str]) -> None:
    done = subprocess.run(_as_account(argv), capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise RuntimeError(f"{argv[0]} failed: {done.stderr.strip()}")


def _wait(server: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    ready = [_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    for _ in range(600):
        if subprocess.run(ready, check=False).returncode == 0:
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(server: subprocess.Popen[bytes], folder: Path, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the test run has no say
        return
    server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
    server.wait(timeout=20)
    shutil.rmtree(folder, ignore_errors=True)
