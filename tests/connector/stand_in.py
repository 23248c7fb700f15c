"""A scripted server on loopback: answers as told, on a real socket, and remembers what it was asked.

An answer may break off before or after the work, be cut in head or body, or drip; so the clients meet what happens.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from connector.http import lossless

Manner = Literal[
    "whole", "close", "reset", "cut_head", "cut_body", "drip_head", "drip_body", "unframed", "broken_chunks"
]


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    def json(self) -> Any:
        return lossless.read(self.body)


@dataclass(frozen=True)
class Said:
    """`head_bytes` says where a head is cut; drips come every `pace` seconds."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    manner: Manner = "whole"
    head_bytes: int = 30
    pace: float = 0.02


def json_said(value: Any, status: int = 200, **headers: str) -> Said:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Said(status, lossless.written(value).encode(), {"Content-Type": "application/json"} | named)


Script = Said | Callable[[Asked], Said]


class StandIn:
    """`answers` in turn, the last one for ever. `asked` holds every request, `connections` counts the sockets."""

    def __init__(self, *answers: Script, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._answers = list(answers)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Said:
        with self._lock:
            self.asked.append(asked)
            script = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return script if isinstance(script, Said) else script(asked)


def _handler_for(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        owner = stand_in

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: StandIn

    def setup(self) -> None:
        super().setup()
        self.owner.connections += 1

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client went away, as it should from a drip
            self.close_connection = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = self.owner.answer(Asked(self.command, self.path, dict(self.headers.items()), body))
        self.close_connection = said.manner != "whole" or self.close_connection
        getattr(self, f"_say_{said.manner}")(said, self._head(said))

    def _head(self, said: Said) -> bytes:
        headers = {"Date": formatdate(usegmt=True)} | dict(said.headers)
        if said.manner == "broken_chunks":
            headers["Transfer-Encoding"] = "chunked"
        elif said.manner != "unframed" and said.status != 204:
            headers.setdefault("Content-Length", str(len(said.body)))
        lines = [f"HTTP/1.1 {said.status} Said", *(f"{name}: {text}" for name, text in headers.items())]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def _say_whole(self, said: Said, head: bytes) -> None:
        self.wfile.write(head + said.body)

    _say_unframed = _say_whole

    def _say_close(self, said: Said, head: bytes) -> None:
        pass

    def _say_reset(self, said: Said, head: bytes) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _say_cut_head(self, said: Said, head: bytes) -> None:
        self.wfile.write(head[: said.head_bytes])

    def _say_cut_body(self, said: Said, head: bytes) -> None:
        self.wfile.write(head + said.body[: len(said.body) // 2])

    def _say_broken_chunks(self, said: Said, head: bytes) -> None:
        self.wfile.write(head + f"{len(said.body):x}\r\n".encode() + said.body + b"\r\n")

    def _say_drip_head(self, said: Said, head: bytes) -> None:
        self._drip(head + said.body, said.pace)

    def _say_drip_body(self, said: Said, head: bytes) -> None:
        self.wfile.write(head)
        self._drip(said.body, said.pace)

    def _drip(self, content: bytes, pace: float) -> None:
        for byte in content:
            self.wfile.write(bytes([byte]))
            time.sleep(pace)


class StaticTokens:
    """Tokens that count how often they were asked for and renewed."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens) or ["token-1", "token-2"]
        self.refused: list[str] = []

    def get(self) -> str:
        return self._tokens[0]

    def renew(self, refused: str) -> str:
        self.refused.append(refused)
        return self._tokens[-1]
