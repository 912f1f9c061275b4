from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from imagefaulty import Inspector, Limits
from tests.service.conftest import OpenClient, picture

YELLOW, WHITE, BLACK = (255, 255, 0), (255, 255, 255), (0, 0, 0)


def test_a_raw_body_answers_the_finding_that_python_gives(client: TestClient, inspector: Inspector) -> None:
    answer = client.post("/v1/inspect?name=scan.png", content=picture(YELLOW), headers={"Content-Type": "image/png"})
    assert answer.status_code == 200
    expected = inspector.inspect(picture(YELLOW), name="scan.png").to_dict()
    assert answer.json() == [_as_json(expected)]


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    return [_as_json(each) for each in value] if isinstance(value, list | tuple) else value


def test_several_files_answer_in_order_and_a_bad_one_leaves_the_others(client: TestClient) -> None:
    files = [
        ("file", ("a.png", picture(YELLOW))),
        ("file", ("b.png", b"no picture")),
        ("other", ("c.png", picture(BLACK))),
    ]
    findings = client.post("/v1/inspect", files=files).json()
    assert [each["source"] for each in findings] == ["a.png", "b.png", "c.png"]
    assert findings[0]["answers"]["post_it"]["label"] == "post-it"
    assert findings[1]["error"]["code"] == "page_unsupported"
    assert findings[1]["answers"] == {}
    assert findings[2]["answers"]["corner"]["verdict"] == "yes"


def test_every_page_of_a_document_answers(client: TestClient) -> None:
    buffer = io.BytesIO()
    pages = [Image.new("RGB", (60, 80), colour) for colour in (WHITE, BLACK)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    findings = client.post("/v1/inspect", content=buffer.getvalue()).json()
    assert [(each["page"], each["pages"]) for each in findings] == [(0, 2), (1, 2)]


def test_evidence_and_checks_are_on_request(client: TestClient) -> None:
    plain = client.post("/v1/inspect", content=picture(YELLOW)).json()[0]
    assert plain["answers"]["post_it"]["regions"] == []
    asked = client.post("/v1/inspect?evidence=true&checks=post_it,empty", content=picture(YELLOW)).json()[0]
    assert list(asked["answers"]) == ["post_it", "empty"]
    assert asked["answers"]["post_it"]["regions"][0]["box"]
    refused = client.post("/v1/inspect?checks=stamp", content=picture())
    assert refused.status_code == 400
    assert "does not answer 'stamp'" in refused.json()["error"]["message"]
    assert client.post("/v1/inspect?checks=", content=picture()).status_code == 400


def test_what_is_too_large_is_refused_raw_and_reported_in_a_form(open_client: OpenClient, inspector: Inspector) -> None:
    engine = Inspector(inspector.bundle, limits=Limits(bytes=1000))
    with open_client(engine, max_image_bytes=1000) as client:
        raw = client.post("/v1/inspect", content=bytes(2000))
        assert raw.status_code == 413
        form = client.post("/v1/inspect", files=[("file", ("a", bytes(2000))), ("file", ("b.png", picture()))])
        assert [each["error"] and each["error"]["code"] for each in form.json()] == ["source_too_large", None]
    with open_client(max_image_bytes=1000, max_request_bytes=1500) as client:
        assert client.post("/v1/inspect", files={"file": ("a", bytes(90_000))}).status_code == 413


@pytest.mark.parametrize("files", [{}, {"data": {"file": "text"}}])
def test_a_form_without_a_file_is_a_bad_request(client: TestClient, files: dict[str, Any]) -> None:
    headers = {} if files else {"Content-Type": "multipart/form-data; boundary=x"}
    body = files or {"content": b"--x--\r\n"}
    answer = client.post("/v1/inspect", headers=headers, **body)
    if files:  # urlencoded: a raw body, and no picture
        assert answer.json()[0]["error"]["code"] == "page_unsupported"
    else:
        assert answer.status_code == 400


def test_an_empty_body_is_a_finding_with_an_error(client: TestClient) -> None:
    assert client.post("/v1/inspect").json()[0]["error"]["code"] == "page_empty_file"


def test_openapi_describes_the_reply_and_the_reply_keeps_to_it(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    reply = document["paths"]["/v1/inspect"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert reply["items"] == {"$ref": "#/components/schemas/FindingReply"}
    body = document["paths"]["/v1/inspect"]["post"]["requestBody"]["content"]
    assert "multipart/form-data" in body
    assert "image/*" in body
    assert document["components"]["schemas"]["FindingReply"]["properties"]["schema"]["const"] == "imagefaulty.finding/1"
    for path in ("/detect", "/corner", "/postit", "/empty", "/writingtype"):
        assert "200" in document["paths"][path]["post"]["responses"]


def test_a_name_cannot_forge_a_log_line_or_a_path(client: TestClient) -> None:
    finding = client.post("/v1/inspect", params={"name": "a\nb"}, content=picture()).json()[0]
    assert "\n" not in finding["source"]
