import time
from itertools import pairwise
from typing import Any

import pytest
from starlette.testclient import TestClient

from imagefaulty import Finding, Inspector
from imagefaulty.service.results import PageKey, ResultCache
from tests.labelstudio.studio_server import studio_server
from tests.service.conftest import OpenClient, data_uri, picture, task
from tests.service.test_batch import SlowInspector

WHITE = data_uri(picture())


def key(number: int = 1, *, evidence: bool = False) -> PageKey:
    return PageKey.of("http://studio", "2", number, "/data/upload/x.jpg", evidence=evidence)


@pytest.fixture
def found(inspector: Inspector) -> Finding:
    return inspector.inspect(picture())


def test_a_finding_is_remembered_for_its_task_and_kind(found: Finding) -> None:
    cache = ResultCache(60)
    cache.put(key(), found)
    assert cache.get(key()) is found
    assert cache.get(key(2)) is None
    assert cache.get(key(evidence=True)) is None
    assert (len(cache), cache.hits) == (1, 1)


def test_a_finding_is_forgotten_in_time(found: Finding) -> None:
    cache = ResultCache(0.05)
    cache.put(key(), found)
    time.sleep(0.06)
    assert cache.get(key()) is None
    assert len(cache) == 0
    off = ResultCache(0)
    off.put(key(), found)
    off.failed(key())
    assert off.get(key()) is None
    assert not off.lately_failed(key())


def test_the_number_of_findings_is_bounded(found: Finding) -> None:
    cache = ResultCache(60)
    for number in range(20_010):
        cache.put(key(number), found)
    assert len(cache) == 20_000
    assert cache.get(key(9)) is None
    assert cache.get(key(10)) is found


def test_success_ends_a_failure(found: Finding) -> None:
    cache = ResultCache(60)
    cache.failed(key())
    assert cache.lately_failed(key())
    cache.put(key(), found)
    assert not cache.lately_failed(key())
    assert cache.failures == 0


def test_a_long_reference_is_kept_as_a_digest() -> None:
    assert len(PageKey.of("", "2", 1, WHITE * 100, evidence=False).reference) == 64


def ask(client: TestClient, config: str, *tasks: Any) -> list[dict[str, Any]]:
    body = {"tasks": list(tasks), "project": "2.1", "label_config": config}
    results: list[dict[str, Any]] = client.post("/predict", json=body).json()["results"]
    assert len(results) == len(tasks)
    return results


def test_the_next_click_continues_where_the_last_one_ended(
    open_client: OpenClient, inspector: Inspector, labelling_config: str
) -> None:
    slow = SlowInspector(inspector, 0.02)
    tasks = [task(number, WHITE) for number in range(60)]
    with open_client(slow, threads=2, predict_budget_s=0.3) as client:
        clicks = [sum(map(bool, ask(client, labelling_config, *tasks))) for _ in range(12)]
    assert clicks[-1] == 60
    assert all(before < after or after == 60 for before, after in pairwise(clicks))
    assert slow.done <= 60 + 2 * len(clicks), "pages are inspected once, but for those that the end of a budget cut off"


def test_a_page_that_takes_longer_than_the_budget_is_there_the_next_time(
    open_client: OpenClient, inspector: Inspector, labelling_config: str
) -> None:
    with open_client(SlowInspector(inspector, 0.4), threads=1, predict_budget_s=0.2) as client:
        assert ask(client, labelling_config, task(1, WHITE)) == [{}]
        time.sleep(0.4)
        assert ask(client, labelling_config, task(1, WHITE))[0]["result"]


def test_tasks_that_fail_slowly_do_not_keep_the_others_from_their_turn(
    open_client: OpenClient, labelling_config: str
) -> None:
    with studio_server() as server, open_client(threads=1, fetches=1, predict_budget_s=1.5) as client:
        server.files["/a.png"] = picture()
        dead = [task(n, f"{server.url}/behave/slow/1") for n in range(4)]
        alive = [task(n + 4, f"{server.url}/a.png") for n in range(20)]
        done: set[int] = set()
        for _ in range(5):
            left = [each for each in dead + alive if each["id"] not in done]
            results = ask(client, labelling_config, *left)
            done |= {each["id"] for each, result in zip(left, results, strict=True) if result}
            if done >= set(range(4, 24)):
                break
    assert done >= set(range(4, 24))


def test_nothing_is_remembered_with_the_setting_at_zero(
    open_client: OpenClient, inspector: Inspector, labelling_config: str
) -> None:
    counting = SlowInspector(inspector, 0)
    with open_client(counting, result_cache_s=0) as client:
        for _ in range(2):
            ask(client, labelling_config, task(1, WHITE))
    assert counting.done == 2
    with open_client(counting) as client:
        for _ in range(2):
            ask(client, labelling_config, task(1, WHITE))
    assert counting.done == 3
