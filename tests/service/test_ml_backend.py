import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.judge import Judge
from tests.labelstudio.studio_server import LEGACY, PERSONAL, studio_server
from tests.service.conftest import OpenClient, data_uri, picture, task

EXCHANGES = json.loads((Path(__file__).parent.parent / "fixtures" / "label_studio_exchanges.json").read_text())
WHITE = data_uri(picture())


def predict(client: TestClient, config: str, *tasks: Any, **more: Any) -> dict[str, Any]:
    answer = client.post("/predict", json={"tasks": list(tasks), "project": "2.1", "label_config": config, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert len(body["results"]) == len(tasks)
    return body


@pytest.mark.parametrize("path", ["/", "/health"])
def test_health_says_up(client: TestClient, path: str) -> None:
    answer = client.get(path).json()
    assert answer["status"] == "UP"
    assert answer["model_class"] == "ImageFaulty"


@pytest.mark.parametrize("path", ["/", "/health"])
def test_monitors_may_ask_with_head(client: TestClient, path: str) -> None:
    answer = client.head(path)
    assert answer.status_code == 200
    assert answer.content == b""


def test_setup_predictions_and_versions_name_the_same_version(client: TestClient, labelling_config: str) -> None:
    version = client.post("/setup", json={"project": "2.1", "schema": labelling_config}).json()["model_version"]
    assert version.startswith("tiny-1.0-")
    assert client.get("/versions").json() == {"versions": [version]}
    assert predict(client, labelling_config, task(1, WHITE))["results"][0]["model_version"] == version


def test_four_results_that_label_studio_accepts(
    client: TestClient, labelling_config: str, label_studio_judge: Judge
) -> None:
    colours = [(255, 255, 255), (255, 255, 0), (0, 0, 0), (220, 40, 40), (40, 40, 220)]
    tasks = [task(number, data_uri(picture(colour))) for number, colour in enumerate(colours)]
    results = predict(client, labelling_config, *tasks)["results"]
    for result in results:
        assert label_studio_judge.errors(labelling_config, result) == []
        assert len({r["id"] for r in result["result"]}) == 4
        assert result["score"] == min(r["score"] for r in result["result"])
    chosen = [{r["from_name"]: r["value"]["choices"] for r in result["result"]} for result in results]
    assert chosen[0] == {"writing_type": chosen[0]["writing_type"], "post_it": ["NP"], "corner": ["NC"], "empty": ["E"]}
    assert [choices["post_it"] for choices in chosen] == [["NP"], ["P"], ["NP"], ["NP"], ["NP"]]
    assert chosen[2]["corner"] == ["C"]
    assert chosen[3]["writing_type"] == ["H"]
    assert chosen[4]["writing_type"] == ["T"]


@pytest.mark.parametrize("name", [name for name, exchange in EXCHANGES.items() if "predict" not in name])
def test_what_label_studio_really_sends_is_answered(client: TestClient, name: str) -> None:
    request = EXCHANGES[name]
    answer = client.request(request["method"], request["path"], json=request["body"])
    assert answer.status_code == 200
    assert isinstance(answer.json(), dict)


@pytest.mark.parametrize("name", [name for name in EXCHANGES if "predict" in name])
def test_what_label_studio_really_asks_to_predict_is_predicted(
    open_client: OpenClient, name: str, label_studio_judge: Judge
) -> None:
    body = EXCHANGES[name]["body"]
    with studio_server() as studio:
        for each in body["tasks"]:
            reference = each["data"]["image"]
            if reference.startswith("data:"):
                each["data"]["image"] = WHITE
            elif reference.startswith("http:"):
                each["data"]["image"] = f"{studio.url}/scan.png"
            studio.files |= {"/scan.png": picture(), reference: picture()}
        with open_client(label_studio_url=studio.url, label_studio_api_key=PERSONAL) as client:
            reply = predict(client, body["label_config"], *body["tasks"], params=body["params"])
    assert "errors" not in reply
    for result in reply["results"]:
        assert label_studio_judge.errors(body["label_config"], result) == []


def test_uploads_are_read_with_the_token_of_setup_alone(open_client: OpenClient, labelling_config: str) -> None:
    with studio_server() as studio, open_client() as client:
        studio.files["/data/upload/2/x.png"] = picture()
        body = {"project": "2.1", "schema": labelling_config, "hostname": studio.url, "access_token": LEGACY}
        client.post("/setup", json=body)
        assert predict(client, labelling_config, task(1, "/data/upload/2/x.png"))["results"][0]["result"]
        # Another project has not been told, so nothing is known about its Label Studio.
        reply = predict(client, labelling_config, task(1, "/data/upload/2/x.png"), project="3.1")
        assert reply["errors"][0]["message"].endswith("set LABEL_STUDIO_URL")


def test_the_configured_token_does_not_go_where_setup_points(open_client: OpenClient, labelling_config: str) -> None:
    with studio_server() as studio, studio_server() as evil:
        evil.files["/data/upload/2/x.png"] = studio.files["/data/upload/2/x.png"] = picture()
        with open_client(label_studio_url=studio.url, label_studio_api_key=LEGACY) as client:
            client.post("/setup", json={"project": "2.1", "schema": labelling_config, "hostname": evil.url})
            predict(
                client, labelling_config, task(1, "/data/upload/2/x.png"), task(2, f"{evil.url}/data/upload/2/x.png")
            )
        assert evil.asked == []
        with open_client(label_studio_api_key=LEGACY) as client:
            client.post("/setup", json={"project": "2.1", "schema": labelling_config, "hostname": evil.url})
            predict(client, labelling_config, task(1, "/data/upload/2/x.png"))
        assert [header for _, header in evil.asked] == [""]


def test_a_bad_task_leaves_the_others_untouched(
    client: TestClient, labelling_config: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad: list[Any] = [
        None,
        7,
        {},
        {"id": 4, "data": None},
        {"id": 5, "data": {}},
        task(6, None),
        task(7, ""),
        task(8, []),
        task(9, {"url": "x"}),
        task(10, data_uri(b"")),
        task(11, data_uri(b"no image")),
        task(12, data_uri(picture()[:60])),
        task(13, "http://user:secret@127.0.0.1:9/x.png?sig=secret"),
        task(14, "file:///etc/passwd"),
        task(15, "/data/upload/1/x.png"),
    ]
    with caplog.at_level(logging.WARNING):
        reply = predict(client, labelling_config, task(1, WHITE), *bad, task(2, WHITE))
    assert reply["results"][0]["result"]
    assert reply["results"][-1]["result"]
    assert reply["results"][1:-1] == [{}] * len(bad)
    assert [error["index"] for error in reply["errors"]] == list(range(1, len(bad) + 1))
    assert all(error["code"] and error["message"].isprintable() for error in reply["errors"])
    failures = [record.message for record in caplog.records if record.message.startswith("project=2 task=")]
    assert len(failures) == len(bad)
    assert "secret" not in caplog.text + json.dumps(reply)


def test_the_first_of_several_pages_is_predicted(client: TestClient, labelling_config: str) -> None:
    assert predict(client, labelling_config, task(1, [WHITE, WHITE]))["results"][0]["result"]


def test_limits_are_kept(open_client: OpenClient, labelling_config: str) -> None:
    with open_client(max_image_bytes=100, max_request_bytes=4_000) as client:
        reply = predict(client, labelling_config, task(1, WHITE))
        assert reply["errors"][0]["code"] == "source_too_large"
        answer = client.post("/predict", json={"tasks": ["x" * 5_000]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_a_configuration_without_our_controls_is_explained(client: TestClient) -> None:
    reply = predict(client, "<View/>", task(1, WHITE), task(2, WHITE))
    assert reply["results"] == [{}, {}]
    assert reply["error"]["code"] == "label_config"
    assert "no Choices tag" in reply["error"]["message"]
    assert client.post("/setup", json={"project": "2.1", "schema": "<View/>"}).status_code == 200
    answer = client.post("/validate", json={"config": "<View/>"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "label_config")


def test_validate_tells_what_is_filled_in(client: TestClient, labelling_config: str) -> None:
    answer = client.post("/validate", json={"config": labelling_config}).json()
    assert answer["controls"] == {name: name for name in ("writing_type", "post_it", "corner", "empty")}


def test_the_configuration_of_setup_serves_where_predict_brings_none(client: TestClient, labelling_config: str) -> None:
    client.post("/setup", json={"project": "2.1", "schema": labelling_config})
    answer = client.post("/predict", json={"tasks": [task(1, WHITE)], "project": "2.1"})
    assert answer.json()["results"][0]["result"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "must be a JSON object, not list"),
        (b"null", "must be a JSON object, not NoneType"),
        (b"", "tasks must be a list"),
        (b"{}", "tasks must be a list"),
        (b'{"tasks": {}}', "tasks must be a list"),
        (b'{"tasks": []}', "label_config is missing"),
        (b'{"tasks": [], "label_config": 5}', "label_config must be a string"),
    ],
)
def test_a_malformed_request_is_refused_with_the_reason(client: TestClient, body: bytes, reason: str) -> None:
    answer = client.post("/predict", content=body)
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["message"]


def test_what_json_cannot_say_does_not_come_back(client: TestClient, labelling_config: str) -> None:
    head = json.dumps({"label_config": labelling_config, "project": {"x": [1]}})[:-1]
    tasks = r'[{"id": NaN, "data": 1}, {"id": "\ud800", "data": {"image": "\ud800"}}, {"id": [Infinity], "data": {}}]'
    answer = client.post("/predict", content=f'{head}, "tasks": {tasks}}}')
    assert answer.status_code == 200
    assert answer.json()["results"] == [{}, {}, {}]
    assert [error["task"] for error in answer.json()["errors"]] == ["nan", "�", "[inf]"]


def test_an_empty_list_of_tasks_has_an_empty_list_of_results(client: TestClient, labelling_config: str) -> None:
    assert predict(client, labelling_config) == {"results": []}


@pytest.mark.parametrize(
    "body",
    [{"action": "START_TRAINING", "project": {"id": 1}}, {"action": "MADE_UP"}, {}, {"action": None, "project": 7}],
)
def test_every_event_is_taken(client: TestClient, body: Any) -> None:
    assert client.post("/webhook", json=body).status_code == 200


def test_a_call_for_training_says_that_nothing_is_trained(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    client.post("/webhook", json={"action": "START_TRAINING", "project": {"id": 1}})
    assert "nothing is trained" in caplog.text


@pytest.mark.parametrize("path", ["/train", "/delete", "/duplicate_model", "/job_status"])
def test_calls_of_older_label_studios_do_no_harm(client: TestClient, path: str) -> None:
    assert client.post(path, json={}).status_code == 200


def test_tokens_are_not_logged(
    open_client: OpenClient, labelling_config: str, caplog: pytest.LogCaptureFixture
) -> None:
    with studio_server() as studio, caplog.at_level(logging.DEBUG, "imagefaulty"):
        studio.legacy_enabled = False
        with open_client(label_studio_url=studio.url, label_studio_api_key=PERSONAL) as client:
            body = {"project": "2.1", "schema": labelling_config, "hostname": studio.url, "access_token": LEGACY}
            client.post("/setup", json=body)
            reply = predict(client, labelling_config, task(1, "/data/upload/x.png"))
    ours = "".join(record.message for record in caplog.records if record.name.startswith("imagefaulty"))
    assert reply["errors"]
    for secret in (LEGACY, PERSONAL):
        assert secret not in ours + json.dumps(reply)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "data", "image", "x"]), inner),
    max_leaves=8,
)
REFERENCES = st.sampled_from(
    ["", "s3://b/x", "/data/upload/x", "file:///x", WHITE, data_uri(b"x"), "http://127.0.0.1:9x/", None]
)
TASKS = JSON | st.builds(lambda number, data: {"id": number, "data": {"image": data}}, JSON, REFERENCES | JSON)
CONTROLS = [
    '<Choices name="empty" toName="image"><Choice value="ok"/><Choice alias="E" value="empty"/></Choices>',
    '<Choices name="x" toName="image"><Choice value="H"/><Choice value="T"/><Choice value="C"/></Choices>',
    '<Choices name="corner" toName="image"><Choice value="a"/></Choices>',
    '<Choices name="post_it" toName="other"><Choice value="yes"/><Choice value="no"/></Choices>',
]
CONFIGS = st.lists(st.sampled_from(CONTROLS), unique=True).map(
    lambda controls: f'<View><Image name="image" value="$image"/>{"".join(controls)}</View>'
)


@settings(
    max_examples=60,
    deadline=None,
    # How long it takes to make examples up is the machine's business.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tasks=st.lists(TASKS, max_size=5), config=CONFIGS | JSON)
def test_whatever_is_sent_is_answered_entry_by_entry_or_refused(
    client: TestClient, label_studio_judge: Judge, tasks: list[Any], config: Any
) -> None:
    answer = client.post("/predict", content=json.dumps({"tasks": tasks, "label_config": config}))
    if answer.status_code != 200:
        assert 400 <= answer.status_code < 500
        assert answer.json()["error"]["message"]
        return
    results = answer.json()["results"]
    assert len(results) == len(tasks)
    for result in results:
        assert isinstance(result, dict)
        assert not result or label_studio_judge.errors(config, result) == []
