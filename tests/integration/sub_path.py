"""A reverse proxy that serves another server below a path, as a web server in front of Label Studio does."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from collections.abc import Iterator

# What belongs to one connection is not passed on.
_OWN = {"connection", "transfer-encoding", "content-length", "keep-alive", "content-encoding", "host"}


@contextmanager
def below(prefix: str, port: int, target: str) -> Iterator[str]:
    """Serve ``target`` at ``http://127.0.0.1:<port><prefix>`` for the length of a with block; gives that address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

        def _pass_on(self) -> None:
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OWN}
            headers["Host"] = self.headers["Host"]
            answer = client.request(self.command, self.path.removeprefix(prefix), content=body, headers=headers)
            self.send_response(answer.status_code)
            for name, value in answer.headers.multi_items():
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _pass_on  # noqa: N815 - the names are the base class's

    with (
        httpx2.Client(base_url=target, timeout=180) as client,
        ThreadingHTTPServer(("127.0.0.1", port), Handler) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{port}{prefix}"
        finally:
            server.shutdown()
