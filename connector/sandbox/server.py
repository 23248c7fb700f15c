"""One loopback server for all stand-ins: sockets, kept-alive connections, and endings that are not polite."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from connector.sandbox.gate import Delivery
from connector.sandbox.wire import Reply, Request, request

Door = Callable[[Request], Delivery]


class LoopbackServer(ThreadingHTTPServer):
    """Serves each door below its prefix on 127.0.0.1; port 0 takes any free one."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, doors: Mapping[str, Door], port: int = 0) -> None:
        self.doors = dict(doors)
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._resets: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        super().__init__(("127.0.0.1", port), _Conversation)

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`"""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and hang up on everyone: a kept-alive connection must not outlive the world behind it."""
        self.closing.set()
        if self._thread:
            self.shutdown()
            self._thread.join()
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            _hang_up(connection)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def reset_on_close(self, connection: socket.socket) -> None:
        """Make the coming close a reset (RST) instead of a polite end."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with self._guard:
            self._resets.add(connection)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
            reset = request in self._resets
            self._resets.discard(request)
        if reset:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away is the peer's business; nothing is printed."""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already gone


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write per answer; unbuffered small writes cost 40 ms each on a kept-alive connection
    server: LoopbackServer

    def _converse(self) -> None:
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._send(Reply(HTTPStatus.LENGTH_REQUIRED))
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        prefix = "/" + self.path.lstrip("/").split("/", 1)[0].split("?")[0]
        door = self.server.doors.get(prefix)
        if door is None:
            self._send(Reply(HTTPStatus.NOT_FOUND, b"nothing is served here"))
            return
        target = self.path[len(prefix) :] or "/"
        call = request(self.command, target, headers=self.headers, body=body, origin=f"{self.server.url}{prefix}")
        self._deliver(door(call))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _converse

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.seconds:
            self.server.closing.wait(delivery.seconds)
        match delivery.ending:
            case "whole":
                self._send(delivery.reply)
            case "half":
                self._send(delivery.reply, cut=True)
            case "reset":
                self.server.reset_on_close(self.connection)
                self.close_connection = True
            case "closed":
                self.close_connection = True

    def _send(self, reply: Reply, cut: bool = False) -> None:
        """Send an answer; cut, it ends in the middle of its body, or of its head when it has no body."""
        whole = self._head(reply) + (b"" if self.command == "HEAD" else reply.body)
        if cut:
            whole = whole[: len(whole) - (len(reply.body) + 1) // 2] if reply.body else whole[: len(whole) // 2]
            self.close_connection = True
        self.wfile.write(whole)
        self.wfile.flush()

    def _head(self, reply: Reply) -> bytes:
        phrase = HTTPStatus(reply.status).phrase
        lines = [f"HTTP/1.1 {reply.status} {phrase}", "Server: sandbox"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if reply.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(reply.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def log_message(self, format: str, *args: Any) -> None:
        """Traffic is counted by the gate; stderr belongs to people."""
