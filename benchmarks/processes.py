"""Whole processes: a cold ``inspect``, a server's start, and ``/predict`` over loopback."""

from __future__ import annotations

import functools
import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.row import Row
from benchmarks.timing import Timing, interleaved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.reference import ReferencePipeline
    from imagefaulty.inspection import Inspector

_CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="empty" toName="image">'
    '<Choice value="ok"/><Choice value="empty"/></Choices></View>'
)
_PATIENCE_S = 60.0
#: What a start cannot do without: the interpreter and the libraries that decode and compute.
_FLOOR = "import numpy, PIL.Image, onnxruntime"


def cold_row(page: Path, bundle: Path | None, *, rounds: int) -> Row:
    """Time ``imagefaulty inspect PAGE`` from the shell; the floor is an interpreter that imports numpy and the like."""
    command = [sys.executable, "-m", "imagefaulty", "inspect", str(page), "--format", "json"]
    command += ["--bundle", str(bundle)] if bundle else []
    steps = {"floor": lambda: _run([sys.executable, "-c", _FLOOR]), "ours": lambda: _run(command)}
    timings = interleaved(steps, rounds=rounds)
    return Row("cold inspect of one page", timings["ours"], timings["floor"])


def serving_rows(
    page: Path,
    bundle: Path | None,
    inspector: Inspector,
    reference: ReferencePipeline,
    *,
    rounds: int,
    tasks: Sequence[int],
) -> Iterator[Row]:
    """Time the start of a server and its ``/predict``, one thread, caches off.

    The floor of ``/predict`` is the engine alone on the same bytes, the reference its pipeline alone on them, without
    a server around it.
    """
    with _file_server(page.parent) as files:
        starts, server = _started(bundle, rounds=rounds)
        with server as address:
            yield Row("server ready", starts)
            data, url = page.read_bytes(), f"http://127.0.0.1:{files}/{page.name}"
            slow = _steady(lambda: reference.backend(data))
            for count in tasks:
                body = _body(url, count)
                steps: dict[str, Callable[[], object]] = {
                    "floor": lambda count=count: [inspector.inspect(data) for _ in range(count)],  # type: ignore[misc]
                    "ours": lambda body=body, count=count: _predict(address.port, body, count),  # type: ignore[misc]
                }
                timings = interleaved(steps, rounds=max(1, rounds // max(1, count // 60)), warm_up=int(count < 100))
                backend = Timing(slow.median_ms * count, slow.best_ms * count, slow.cpu_ms * count)
                facts = {"resident_mb": _resident_mb(address.pid)}
                yield Row(f"/predict of {count} tasks", timings["ours"], timings["floor"], backend, facts=facts)


def _steady(step: Callable[[], object]) -> Timing:
    return interleaved({"step": step}, rounds=5)["step"]


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


class _Address:
    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid


def _started(bundle: Path | None, *, rounds: int) -> tuple[Timing, Any]:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        with _server(bundle):
            times.append(1000 * (time.perf_counter() - start))
    times.sort()
    return Timing(times[len(times) // 2], times[0], 0.0), _server(bundle)


@contextmanager
def _server(bundle: Path | None) -> Iterator[_Address]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LABEL_STUDIO", "BASIC_"))}
    environment |= {"RESULT_CACHE_S": "0", "PREDICT_BUDGET_S": "3600", "LOG_LEVEL": "ERROR", "THREADS": "1"}
    command = [sys.executable, "-m", "imagefaulty", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--models", str(bundle)] if bundle else []
    process = subprocess.Popen(command, env=environment)
    try:
        _wait(port)
        yield _Address(port, process.pid)
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _wait(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if _asked(port, "GET", "/health", None)[0] == http.HTTPStatus.OK:
                return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError("the server did not start")


def _asked(port: int, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3600)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _body(url: str, count: int) -> bytes:
    tasks = [{"id": number, "data": {"image": f"{url}?{number}"}} for number in range(count)]
    return json.dumps({"tasks": tasks, "label_config": _CONFIG, "project": "1.1"}).encode()


def _predict(port: int, body: bytes, count: int) -> None:
    status, answer = _asked(port, "POST", "/predict", body)
    if status != http.HTTPStatus.OK or sum(bool(each) for each in json.loads(answer)["results"]) != count:
        raise RuntimeError(f"/predict answered {status}: {answer[:300]!r}")


def _resident_mb(pid: int) -> float:
    """The most memory that the process held at a time; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("VmHWM")), 0.0)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _file_server(folder: Path) -> Iterator[int]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
