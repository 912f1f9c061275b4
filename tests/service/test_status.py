import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.labelstudio.studio_server import LEGACY, PERSONAL, studio_server
from tests.service.conftest import OpenClient, data_uri, picture, task

WHITE = data_uri(picture())
EVIL = "<script>alert(1)</script>\x07"
CONFIG = """<View><Image name="image" value="$image"/>
<Choices name="corner" toName="image" model_score_threshold="0.6">
<Choice value="ok"/><Choice value="folded_corner"/></Choices>
<Choices name="&lt;script&gt;" toName="image"><Choice value="a"/></Choices>
<RectangleLabels name="where" toName="image"><Label value="post-it"/></RectangleLabels></View>"""


class Text(HTMLParser):
    """What a page says, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base class's
        self.tags.append(tag)


def predict(client: TestClient, *tasks: Any) -> None:
    client.post("/predict", json={"tasks": list(tasks), "project": "7.1", "label_config": CONFIG})


def told(client: TestClient) -> dict[str, Any]:
    state: dict[str, Any] = client.get("/status?format=json").json()
    return state


def test_the_status_says_what_is_bound_and_what_is_skipped_and_why(client: TestClient) -> None:
    predict(client, task(1, WHITE))
    (project,) = told(client)["projects"]
    assert project["project"] == "7.1"
    assert [(c["control"], c["shows"], c["threshold"]) for c in project["controls"]] == [
        ("corner", ["corner"], 0.6),
        ("where", ["where: post_it"], 0.0),
    ]
    assert project["notes"] == ["control '<script>' is about none of the checks"]


def test_the_status_says_what_went_wrong_and_the_cure(client: TestClient) -> None:
    predict(client, task(1, WHITE), task(2, None), task(3, "/data/upload/x.jpg"))
    state = told(client)
    assert [(each["task"], each["code"]) for each in state["incidents"]] in (
        [(3, "source"), (2, "source")],
        [(2, "source"), (3, "source")],
    )
    assert any("set LABEL_STUDIO_URL" in each["message"] for each in state["incidents"])
    assert (state["work"]["tasks_predicted"], state["work"]["tasks_failed"]) == (1, 2)
    assert (state["work"]["tasks_waiting"], state["work"]["requests_running"]) == (0, 0)
    assert state["work"]["tasks_per_minute"]["1"] == 3
    assert state["caches"]["results"]["pages"] == 1


def test_the_status_says_which_model_answers(client: TestClient) -> None:
    model = told(client)["model"]
    assert model["model_version"] == client.get("/versions").json()["versions"][0]
    assert [check["name"] for check in model["checks"]] == ["writing_type", "post_it", "corner", "empty"]
    assert model["checks"][1]["thresholds"]["balanced"] == {"no": 0.3, "yes": 0.7}


def test_people_get_a_page_and_programs_json(client: TestClient) -> None:
    for accept in ("text/html,application/xhtml+xml,*/*;q=0.8", "*/*", ""):
        answer = client.get("/status", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert client.get("/status", headers={"Accept": "application/json"}).json()["schema"] == "imagefaulty.status/1"
    assert client.get("/status?format=xml").status_code == 400


def test_the_page_says_the_same_as_the_data(client: TestClient) -> None:
    predict(client, task(1, WHITE), task(2, None))
    page = Text()
    page.feed(client.get("/status").text)
    state = told(client)
    for said in (
        state["model"]["model_version"],
        state["label_studio"]["message"],
        state["incidents"][0]["message"],
        state["projects"][0]["notes"][0],
        "blank below 0.6",
        "1 task predicted, 1 failed",
    ):
        assert said in page.text


def test_nothing_in_a_task_or_configuration_becomes_markup(client: TestClient) -> None:
    predict(client, task(1, WHITE))
    before = Text()
    before.feed(client.get("/status").text)
    client.post("/setup", json={"project": EVIL, "hostname": f"http://{EVIL}", "schema": EVIL})
    predict(client, {"id": EVIL, "data": {EVIL: EVIL}}, task(2, f"http://{EVIL}"), task(3, f"s3://{EVIL}"))
    after = Text()
    after.feed(client.get("/status").text)
    assert "script" not in before.tags + after.tags
    assert "alert(1)" in after.text
    assert "\x07" not in after.text


def test_no_secret_is_shown(open_client: OpenClient) -> None:
    with (
        studio_server() as studio,
        open_client(
            label_studio_url=studio.url,
            label_studio_api_key=PERSONAL,
            basic_auth_user="user",
            basic_auth_pass="hidden-password",
        ) as client,
    ):
        assert client.get("/status").status_code == 401
        client.auth = ("user", "hidden-password")
        client.post("/setup", json={"project": "1", "access_token": LEGACY, "hostname": studio.url})
        signed = "https://u:hidden-password@127.0.0.1:1/x.jpg?X-Amz-Signature=hidden-signature"
        client.post("/predict", json={"tasks": [task(1, signed)], "project": "1", "label_config": CONFIG})
        for text in (client.get("/status").text, client.get("/status?format=json").text):
            assert "x.jpg" in text
            assert not any(secret in text for secret in (PERSONAL, LEGACY, "hidden"))


def wait_for_token(client: TestClient) -> dict[str, Any]:
    for _ in range(100):
        state: dict[str, Any] = told(client)["label_studio"]
        if state["message"] != "not checked yet":
            return state
        time.sleep(0.02)
    raise AssertionError("the token was not checked")


@pytest.mark.parametrize(
    ("secret", "enabled", "said"),
    [
        (PERSONAL, True, "takes the personal access token from LABEL_STUDIO_API_KEY"),
        (LEGACY, True, "takes the legacy token"),
        (LEGACY, False, "legacy tokens are switched off by default"),
        ("wrong", True, "set LABEL_STUDIO_API_KEY to a personal access token"),
    ],
)
def test_one_line_says_whether_the_token_works(
    open_client: OpenClient, caplog: pytest.LogCaptureFixture, secret: str, enabled: bool, said: str
) -> None:
    caplog.set_level("INFO")
    with studio_server() as studio:
        studio.files["/api/current-user/whoami"] = b"{}"
        studio.legacy_enabled = enabled
        with open_client(label_studio_url=studio.url, label_studio_api_key=secret) as client:
            state = wait_for_token(client)
    assert state["token_ok"] is said.startswith("takes")
    assert said in state["message"]
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("token_check")]
    assert lines == [state["message"]]
    assert secret not in caplog.text.replace("LABEL_STUDIO", "") or secret == "wrong"


def test_a_label_studio_that_is_not_up_yet_does_not_hold_the_start(open_client: OpenClient) -> None:
    started = time.monotonic()
    with open_client(label_studio_url="http://127.0.0.1:1", label_studio_api_key=PERSONAL) as client:
        assert client.get("/health").status_code == 200
        state = wait_for_token(client)
    assert time.monotonic() - started < 5
    assert state["token_ok"] is False
    assert "cannot be asked about its token yet" in state["message"]


def test_a_page_kept_on_disk_is_counted(open_client: OpenClient, tmp_path: Path) -> None:
    with studio_server() as server, open_client(cache_dir=tmp_path, result_cache_s=0) as client:
        server.files["/a.png"] = picture()
        server.validators = {"ETag": '"a"'}
        for _ in range(2):
            predict(client, task(1, f"{server.url}/a.png"))
        images = told(client)["caches"]["images"]
    assert images["hits"] == 1
    assert images["bytes"] == len(picture())
    assert server.sent_bodies == 1
