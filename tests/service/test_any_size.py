"""1,500 tasks in one request, against the service in a process of its own: it must not stop, grow or lose any."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest
from PIL import Image

from tests.bundles import tiny_bundle
from tests.integration.processes import ServerProcess, free_port
from tests.labelstudio.studio_server import StudioServer, studio_server

TASKS = 1500
# What Label Studio sends along with a task that people have worked on: 12 kB here, 18 MB in all.
ANNOTATIONS = [{"result": [{"value": {"points": [number / 7 for number in range(600)]}}]}]


def scan(number: int) -> bytes:
    """A small JPEG with noise, so that decoding is real work."""
    noise = np.random.default_rng(number).integers(0, 255, (140, 100, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((500, 700)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pictures() -> Iterator[StudioServer]:
    scans = [scan(number) for number in range(10)]
    with studio_server() as server:
        server.files |= {f"/{number}.jpg": scans[number % 10] for number in range(TASKS)}
        yield server


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServerProcess]:
    port = free_port()
    command = [str(Path(sys.executable).with_name("imagefaulty")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"MODEL_PATH": str(tiny_bundle(tmp_path / "bundle")), "PREDICT_BUDGET_S": "2", "THREADS": "1"}
    with ServerProcess("imagefaulty", command, f"http://127.0.0.1:{port}", environment=environment) as process:
        yield process


@dataclass
class Observed:
    """What the clicks showed."""

    clicks: list[set[int]] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    stalls_s: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


def body(server: StudioServer, config: str, left: list[int]) -> bytes:
    tasks: list[dict[str, Any]] = [
        {"id": number, "project": 2, "data": {"image": f"{server.url}/{number}.jpg"}, "annotations": ANNOTATIONS}
        for number in left
    ]
    return json.dumps({"tasks": tasks, "project": "2.1", "label_config": config}).encode()


# Runs in a process of its own, so that neither the test nor the server of pictures gets in its way: calls /health and
# /setup again and again until its input ends, and notes by how much it overslept in between, which is the machine's
# doing.
WATCH = """
import http.client, json, select, sys, time
host, port = sys.argv[1:]
connection = http.client.HTTPConnection(host, int(port), timeout=30)
waits, stalls = [], []
while not select.select([sys.stdin], [], [], 0)[0]:
    for call in (("GET", "/health"), ("POST", "/setup", '{"project": "2.1", "schema": "<View/>"}')):
        started = time.monotonic()
        connection.request(*call)
        assert b"model_version" in connection.getresponse().read()
        waits.append(time.monotonic() - started)
    started = time.monotonic()
    time.sleep(0.02)
    stalls.append(time.monotonic() - started - 0.02)
json.dump([waits, stalls], sys.stdout)
"""


@contextmanager
def watching(url: str, seen: Observed) -> Iterator[None]:
    """Watch the service's health for the length of a with block."""
    parts = urlsplit(url)
    command = [sys.executable, "-c", WATCH, str(parts.hostname), str(parts.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield
        finally:
            said, _ = process.communicate()
    seen.waits_s, seen.stalls_s = (sorted(times) for times in json.loads(said))


def resident_bytes(process: ServerProcess) -> int:
    """Memory of the service now."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


async def click(client: httpx2.AsyncClient, request: bytes, left: list[int]) -> set[int]:
    answer = await client.post("/predict", content=request, headers={"Content-Type": "application/json"})
    results = answer.raise_for_status().json()["results"]
    assert len(results) == len(left)
    return {number for number, result in zip(left, results, strict=True) if result}


async def clicks(process: ServerProcess, server: StudioServer, config: str, seen: Observed) -> None:
    """Retrieve predictions as Label Studio does, until there are none left to retrieve."""
    left = list(range(TASKS))
    async with httpx2.AsyncClient(base_url=process.url, timeout=60) as client:
        while left and len(seen.clicks) < 60:
            request = await asyncio.to_thread(body, server, config, left)
            started = time.monotonic()
            done = await click(client, request, left)
            assert time.monotonic() - started < 2 + 3, "the budget, and what reading and writing take on a busy machine"
            seen.clicks.append(done)
            seen.memory.append(resident_bytes(process))
            left = [number for number in left if number not in done]


def percentile(ordered: list[float], share: float) -> float:
    """The value below which that share of sorted values lies."""
    return ordered[int(len(ordered) * share)]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_1500_tasks_in_one_request(
    service: ServerProcess, pictures: StudioServer, labelling_config: str, record_property: Any
) -> None:
    seen = Observed()
    with watching(service.url, seen):
        asyncio.run(clicks(service, pictures, labelling_config, seen))
    overslept_s = percentile(seen.stalls_s, 0.99)
    figures = {
        "clicks": [len(done) for done in seen.clicks],
        "calls_p50_ms": round(1000 * percentile(seen.waits_s, 0.5)),
        "calls_p99_ms": round(1000 * percentile(seen.waits_s, 0.99)),
        "calls_max_ms": round(1000 * seen.waits_s[-1]),
        "machine_p99_ms": round(1000 * overslept_s),
        "memory_mib": [size >> 20 for size in seen.memory],
        "load": os.getloadavg()[0],
    }
    record_property("figures", figures)
    sys.stderr.write(f"{figures}\n")
    assert sorted(number for done in seen.clicks for number in done) == list(range(TASKS)), "none lost, none twice"
    # After the first click everything is loaded; from then on it may only breathe.
    assert max(seen.memory[1:]) - seen.memory[1] < 64 << 20
    # A process that only sleeps is late by this much as well: not ours.
    assert percentile(seen.waits_s, 0.99) < 0.1 + overslept_s
