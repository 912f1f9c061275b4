"""A real HTTP server on loopback that hands out images as Label Studio does, and misbehaves on demand."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
LEGACY = "0123456789abcdef0123456789abcdef01234567"


def jwt(**claims: object) -> str:
    """An unsigned token of Label Studio's form."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


PERSONAL = jwt(token_type="refresh", exp=8_000_000_000, jti="secret-personal")


class StudioServer(ThreadingHTTPServer):
    """Files by path, who may read them, and a record of what was asked.

    Attributes:
        prefix: Sub-path under which it lives.
        files: Body by decoded path below the prefix; the query belongs to the path.
        legacy_enabled: Whether legacy tokens are accepted.
        asked: (path, Authorization header) of every request.
        active: Highest number of requests that were open at once.
        validators: Headers such as ETag and Last-Modified that files are sent with, and compared with.
        sent_bodies: Files that were sent in full.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, prefix: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prefix = prefix
        self.files: dict[str, bytes] = {}
        self.legacy_enabled = True
        self.asked: list[tuple[str, str]] = []
        self.valid: set[str] = set()
        self.swaps = 0
        self.failures: Counter[str] = Counter()
        self.presign_to = ""
        self.cookies: list[str] = []
        self.open = self.active = 0
        self.validators: dict[str, str] = {}
        self.sent_bodies = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Address, with the sub-path."""
        return f"http://127.0.0.1:{self.server_port}{self.prefix}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def expire(self) -> None:
        """Forget all access tokens, as after a restart with another key."""
        self.valid.clear()


@contextmanager
def studio_server(prefix: str = "") -> Iterator[StudioServer]:
    """Run a server for the length of a with block."""
    with StudioServer(prefix) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StudioServer

    def log_message(self, *_args: Any) -> None:
        """Stay quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        if self.path.rstrip("/") != f"{self.server.prefix}/api/token/refresh" or body.get("refresh") != PERSONAL:
            return self._send(401, b'{"detail": "Token is invalid"}', "application/json")
        self.server.swaps += 1
        access = jwt(token_type="access", exp=time.time() + 300, jti=str(self.server.swaps))
        self.server.valid.add(access)
        return self._send(200, json.dumps({"access": access}).encode(), "application/json")

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.open += 1
            self.server.active = max(self.server.active, self.server.open)
        try:
            self._get()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with self.server.lock:
                self.server.open -= 1

    def _get(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        parts = urlsplit(self.path)
        path = unquote(parts.path.removeprefix(self.server.prefix) if self.server.prefix else parts.path)
        if not parts.path.startswith(self.server.prefix):
            return self._send(404, b"outside the sub-path")
        behaviour = path.removeprefix("/behave/")
        if behaviour != path:
            return self._behave(behaviour, parse_qs(parts.query))
        if path.startswith(("/data/", "/tasks/", "/projects/", "/storage-data/", "/api/")) and not self._admitted():
            return self._send(401, b'{"detail": "Authentication credentials were not provided."}', "application/json")
        if "/presign/" in path or "/resolve/" in path:
            return self._presign(parse_qs(parts.query)["fileuri"][0])
        body = self.server.files.get(f"{path}?{unquote(parts.query)}" if parts.query else path)
        return self._send_file(body) if body is not None else self._send(404, b"not found")

    def _send_file(self, body: bytes) -> None:
        asked = self.headers.get("If-None-Match") or self.headers.get("If-Modified-Since")
        if asked and asked in self.server.validators.values():
            return self._send(304, b"")
        self.server.sent_bodies += 1
        return self._send(200, body, "image/png", **{k.replace("_", "-"): v for k, v in self.server.validators.items()})

    def _admitted(self) -> bool:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if kind == "Token":
            return token == LEGACY and self.server.legacy_enabled
        return kind == "Bearer" and token in self.server.valid

    def _presign(self, encoded: str) -> None:
        reference = base64.urlsafe_b64decode(encoded).decode()
        if self.server.presign_to:
            key = reference.rpartition("/")[2]
            return self._send(303, b"", Location=f"{self.server.presign_to}/{key}?X-Amz-Signature=secret")
        return self._send(200, self.server.files[reference], "image/png")

    def _behave(self, behaviour: str, query: dict[str, list[str]]) -> None:
        name, _, argument = behaviour.partition("/")
        fields = {key: values[0] for key, values in query.items()}
        if name in ("endless", "drip", "broken"):
            getattr(self, f"_{name}")(argument)
        elif name == "status":
            self._send(int(argument), b"no", **({"Retry-After": fields["after"]} if "after" in fields else {}))
        elif name == "flaky":
            self.server.failures[argument] += 1
            self._send(*((503, b"busy") if self.server.failures[argument] < 3 else (200, PICTURE)))
        elif name == "redirect":
            self._send(int(argument), b"", Location=fields.get("to", ""))
        elif name == "cookie":
            self.server.cookies.append(self.headers.get("Cookie", ""))
            self._send(200, PICTURE, **{"Set-Cookie": "sessionid=secret; Path=/"})
        elif name == "slow":
            time.sleep(float(argument))
            self._send(200, PICTURE)
        else:
            self._send(200, b"<!DOCTYPE html><html>log in</html>", "text/html; charset=utf-8")

    def _endless(self, declared: str) -> None:
        self.send_response(200)
        if declared:
            self.send_header("Content-Length", str(10**12))
        self.end_headers()
        self.close_connection = True
        while True:
            self.wfile.write(PICTURE)

    def _drip(self, _argument: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        for _ in range(100):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def _broken(self, _argument: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"short")
        self.close_connection = True

    def _send(self, status: int, body: bytes, kind: str = "application/octet-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
