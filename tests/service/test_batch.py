import asyncio
import threading
import time
from typing import Any

import httpx2
import pytest

from imagefaulty import Finding, Inspector
from imagefaulty.service.app import create_app
from imagefaulty.service.settings import read_settings
from tests.labelstudio.studio_server import studio_server
from tests.service.conftest import OpenClient, data_uri, picture, running, task

WHITE = data_uri(picture())


class SlowInspector:
    """Takes its time over every page, holding no lock, as decoding and inference do."""

    def __init__(self, inspector: Inspector, seconds: float) -> None:
        self.bundle = inspector.bundle
        self.checks = inspector.checks
        self.inspect_pages = inspector.inspect_pages
        self.busy = self.most_busy = self.done = 0
        self._inspector = inspector
        self._seconds = seconds
        self._lock = threading.Lock()

    def inspect(self, source: bytes, *, page: int = 0, name: str | None = None, evidence: bool = False) -> Finding:
        with self._lock:
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        time.sleep(self._seconds)
        with self._lock:
            self.busy -= 1
            self.done += 1
        return self._inspector.inspect(source, page=page, name=name, evidence=evidence)


def body(config: str, *tasks: Any) -> dict[str, Any]:
    return {"tasks": list(tasks), "project": "2.1", "label_config": config}


def test_what_is_not_reached_in_time_is_left_for_the_next_request(
    open_client: OpenClient, inspector: Inspector, labelling_config: str
) -> None:
    slow = SlowInspector(inspector, 0.1)
    with open_client(slow, threads=2, predict_budget_s=0.55) as client:
        started = time.monotonic()
        reply = client.post("/predict", json=body(labelling_config, *[task(n, WHITE) for n in range(40)])).json()
        assert time.monotonic() - started < 1.5
    predicted = [result for result in reply["results"] if result]
    assert len(reply["results"]) == 40
    assert 2 <= len(predicted) < 40
    assert {error["code"] for error in reply["errors"]} == {"time_budget"}
    assert len(reply["errors"]) == 40 - len(predicted)


def test_no_more_pages_are_worked_on_than_there_are_threads(
    open_client: OpenClient, inspector: Inspector, labelling_config: str
) -> None:
    slow = SlowInspector(inspector, 0.01)
    with open_client(slow, threads=3) as client:
        client.post("/predict", json=body(labelling_config, *[task(n, WHITE) for n in range(30)]))
    assert slow.most_busy == 3
    assert slow.done == 30


def test_order_is_kept_however_long_each_page_takes(open_client: OpenClient, labelling_config: str) -> None:
    colours = [(255, 255, 0), (255, 255, 255)] * 10
    with studio_server() as server, open_client(threads=4) as client:
        for number, colour in enumerate(colours):
            server.files[f"/{number}.png"] = picture(colour)
        tasks = [task(number, f"{server.url}/{number}.png") for number in range(len(colours))]
        results = client.post("/predict", json=body(labelling_config, *tasks)).json()["results"]
    notes = [r["value"]["choices"][0] for result in results for r in result["result"] if r["from_name"] == "post_it"]
    assert notes == ["P", "NP"] * 10


def test_fetching_is_bounded_and_overlaps(open_client: OpenClient, labelling_config: str) -> None:
    with studio_server() as server, open_client(threads=1, fetches=4) as client:
        tasks = [task(number, f"{server.url}/behave/slow/0.1") for number in range(20)]
        started = time.monotonic()
        client.post("/predict", json=body(labelling_config, *tasks))
        assert time.monotonic() - started < 1.5
        assert 2 <= server.active <= 5


def test_an_engine_that_breaks_costs_one_task(
    open_client: OpenClient, inspector: Inspector, labelling_config: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Fragile(SlowInspector):
        def inspect(self, source: bytes, *, page: int = 0, name: str | None = None, evidence: bool = False) -> Finding:
            if name and "task 1 " in name:
                raise ZeroDivisionError
            return super().inspect(source, page=page, name=name, evidence=evidence)

    with open_client(Fragile(inspector, 0)) as client:
        reply = client.post("/predict", json=body(labelling_config, *[task(n, WHITE) for n in range(3)])).json()
    assert [bool(result) for result in reply["results"]] == [True, False, True]
    assert reply["errors"] == [
        {"index": 1, "task": 1, "code": "internal", "message": "unforeseen ZeroDivisionError; the log has the details"}
    ]
    assert "unforeseen" in caplog.text


def test_failures_are_remembered_for_people(open_client: OpenClient, labelling_config: str) -> None:
    with open_client() as client:
        client.post("/predict", json=body(labelling_config, *[task(n, None) for n in range(300)]))
        latest = client.app.state.incidents.latest  # type: ignore[attr-defined] # the client's app is ours
    assert [incident.task for incident in latest] == list(range(100, 300))
    assert latest[-1].project == "2"


def test_one_task_does_not_wait_for_a_whole_batch(inspector: Inspector, labelling_config: str) -> None:
    slow = SlowInspector(inspector, 0.05)
    app = create_app(read_settings(env_file=None, threads=1, fetches=2), slow)

    async def conversation(url: str) -> tuple[float, float]:
        async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
            started = time.monotonic()
            batch = asyncio.create_task(
                client.post("/predict", json=body(labelling_config, *[task(n, WHITE) for n in range(60)]))
            )
            await asyncio.sleep(0.3)
            asked = time.monotonic()
            (await client.post("/predict", json=body(labelling_config, task(99, WHITE)))).raise_for_status()
            single = time.monotonic() - asked
            await batch
            return single, time.monotonic() - started

    with running(app) as url:
        single, whole = asyncio.run(conversation(url))
    assert single < whole / 4


def test_a_client_that_goes_away_harms_nobody(inspector: Inspector, labelling_config: str) -> None:
    app = create_app(read_settings(env_file=None, threads=2), SlowInspector(inspector, 0.05))
    with running(app) as url:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(
                f"{url}/predict", json=body(labelling_config, *[task(n, WHITE) for n in range(20)]), timeout=0.2
            )
        again = httpx2.post(f"{url}/predict", json=body(labelling_config, task(1, WHITE)), timeout=20)
        assert again.json()["results"][0]["result"]
