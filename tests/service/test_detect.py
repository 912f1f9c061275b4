"""Conformance with the FaultyImageAPI and its single services: what their callers send, and what they expect back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from imagefaulty import Inspector, Page
from imagefaulty.pages import Document
from tests.published_models import write_published
from tests.service.conftest import OpenClient, picture

YELLOW, WHITE, BLACK = (255, 255, 0), (255, 255, 255), (0, 0, 0)
ALL = "postit=1&corner=1&empty=1&writing_type=1"


def pdf(*colours: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    first, *others = [Image.new("RGB", (120, 160), colour) for colour in colours]
    first.save(buffer, "PDF", save_all=True, append_images=others, resolution=72)
    return buffer.getvalue()


def detect(client: TestClient, query: str, data: bytes, name: str = "scan.png", key: str = "image") -> Any:
    return client.post(f"/detect?{query}", files={key: (name, data)})


#: What the original answers: query, name and content of the file → the list.
RECORDED: dict[str, tuple[str, str, bytes, list[dict[str, Any]]]] = {
    "all checks": (
        f"{ALL}&id=17",
        "scan.png",
        picture(YELLOW),
        [{"file": "scan.png", "post_it": 1, "corner": 0, "empty": 0, "writing_type": 0, "id": "17"}],
    ),
    "only what is asked for": (
        "corner=1",
        "scan.png",
        picture(BLACK),
        [{"file": "scan.png", "post_it": None, "corner": 1, "empty": None, "writing_type": None, "id": None}],
    ),
    "a check set to 0 is not asked for": (
        "postit=0&corner=0&empty=1&writing_type=0",
        "scan.png",
        picture(WHITE),
        [{"file": "scan.png", "post_it": None, "corner": None, "empty": 1, "writing_type": None, "id": None}],
    ),
    "nothing asked for": (
        "",
        "scan.png",
        picture(WHITE),
        [{"file": "scan.png", "post_it": None, "corner": None, "empty": None, "writing_type": None, "id": None}],
    ),
    "a name with dots and folders": (
        "empty=1&id=a%20b",
        "box 1/mappe.2.png",
        picture(WHITE),
        [
            {
                "file": "box 1/mappe.2.png",
                "post_it": None,
                "corner": None,
                "empty": 1,
                "writing_type": None,
                "id": "a b",
            }
        ],
    ),
    "a PDF, page by page": (
        "postit=1&corner=1&empty=1&id=9",
        "case.pdf",
        pdf(WHITE, YELLOW, BLACK),
        [
            {"file": "case_page_1.pdf", "post_it": 0, "corner": 0, "empty": 1, "writing_type": None, "id": "9"},
            {"file": "case_page_2.pdf", "post_it": 1, "corner": 0, "empty": 0, "writing_type": None, "id": "9"},
            {"file": "case_page_3.pdf", "post_it": 0, "corner": 1, "empty": 0, "writing_type": None, "id": "9"},
        ],
    ),
    "a PDF of one page keeps its name": (
        "empty=1",
        "one.pdf",
        pdf(WHITE),
        [{"file": "one.pdf", "post_it": None, "corner": None, "empty": 1, "writing_type": None, "id": None}],
    ),
}


@pytest.mark.parametrize(("query", "name", "data", "expected"), RECORDED.values(), ids=RECORDED.keys())
def test_detect_answers_as_recorded(
    client: TestClient, query: str, name: str, data: bytes, expected: list[dict[str, Any]]
) -> None:
    answer = detect(client, query, data, name)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == expected


def test_of_a_tiff_with_several_pages_the_first_counts_as_it_did(client: TestClient) -> None:
    buffer = io.BytesIO()
    pages = [Image.new("RGB", (60, 80), colour) for colour in (WHITE, YELLOW)]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    answer = detect(client, "empty=1", buffer.getvalue(), "scan.tif").json()
    assert [each["file"] for each in answer] == ["scan.tif"]
    assert answer[0]["empty"] == 1


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"", 422, "is empty"),
        (b"no picture", 415, "looks like text"),
        (picture()[:60], 422, "scan.png"),
        (b"%PDF-1.7 and nothing else", 422, "scan.png"),
    ],
    ids=["empty", "text", "truncated", "broken PDF"],
)
def test_where_the_original_broke_down_a_reason_is_given(
    client: TestClient, data: bytes, status: int, reason: str
) -> None:
    answer = detect(client, ALL, data)
    assert answer.status_code == status
    assert reason in answer.json()["error"]["message"]
    assert answer.json()["detail"] == answer.json()["error"]["message"]


def test_a_request_without_the_image_is_told_what_is_missing(client: TestClient) -> None:
    answer = detect(client, ALL, picture(), key="file")
    assert answer.status_code == 400
    assert "no file 'image' (it has file)" in answer.json()["error"]["message"]
    for request in ({"data": {"image": "scan.png"}}, {"content": picture()}, {}):
        answer = client.post(f"/detect?{ALL}", **request)
        assert answer.status_code == 400
        assert "multipart/form-data" in answer.json()["error"]["message"]


@pytest.mark.parametrize("header", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_broken_form_is_a_bad_request(client: TestClient, header: str) -> None:
    answer = client.post("/detect?empty=1", content=b"--y\r\nnonsense", headers={"Content-Type": header})
    assert answer.status_code == 400


def test_detect_is_for_posting(client: TestClient) -> None:
    assert client.get("/detect").status_code == 405


SINGLE = {
    "/corner": (BLACK, "folded_corner"),
    "/postit": (YELLOW, "post-it"),
    "/empty": (WHITE, "empty"),
    "/writingtype": ((255, 0, 0), "Handwritten"),
}


@pytest.mark.parametrize(("path", "colour", "label"), [(path, *expected) for path, expected in SINGLE.items()])
def test_a_single_service_answers_label_and_confidence(
    client: TestClient, path: str, colour: tuple[int, int, int], label: str
) -> None:
    answer = client.post(path, files={"file": ("scan.png", picture(colour))})
    assert answer.status_code == 200
    assert answer.json() == {"prediction": label, "confidence": pytest.approx(1, abs=0.01)}


def test_a_single_service_inspects_the_first_page_and_no_more(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = Document.page

    def counted(document: Document, index: int = 0, **options: Any) -> Page:
        decoded.append(index)
        return decode(document, index, **options)

    monkeypatch.setattr(Document, "page", counted)
    answer = client.post("/empty", files={"file": ("case.pdf", pdf(WHITE, YELLOW, BLACK))})
    assert answer.json()["prediction"] == "empty"
    assert decoded == [0]


@pytest.mark.parametrize("path", SINGLE)
def test_a_single_service_refuses_as_the_original_with_a_detail(client: TestClient, path: str) -> None:
    broken = client.post(path, files={"file": ("scan.png", b"no picture")})
    assert broken.status_code == 400
    assert "looks like text" in broken.json()["detail"]
    unsent = client.post(path, files={"image": ("scan.png", picture())})
    assert unsent.status_code == 422
    assert "'file'" in unsent.json()["detail"]


def test_an_upload_beyond_the_limit_is_refused_while_it_streams(open_client: OpenClient) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="scan.png"\r\n\r\n'
        for _ in range(1000):
            sent += 1
            yield bytes(64 * 1024)
        yield b"\r\n--x--\r\n"

    with open_client(max_image_bytes=1_000_000) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = client.post("/detect?empty=1", content=body(), headers=headers)
        single = client.post("/empty", files={"file": ("scan.png", bytes(2_000_000))})
    assert answer.status_code == 413
    assert "MAX_IMAGE_BYTES" in answer.json()["error"]["message"]
    assert single.status_code == 413


def test_a_check_that_the_model_does_not_answer_is_said_so(open_client: OpenClient, tmp_path: Path) -> None:
    with open_client(Inspector.load(write_published(tmp_path, "corner"))) as client:
        assert detect(client, "corner=1", picture()).status_code == 200
        refused = detect(client, "corner=1&empty=1", picture())
        assert refused.status_code == 400
        assert "does not answer empty; it answers corner" in refused.json()["error"]["message"]


def test_web_pages_of_other_hosts_may_call_and_only_these_paths(open_client: OpenClient) -> None:
    origin = {"Origin": "https://archive.example"}
    preflight = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    with open_client(basic_auth_user="u", basic_auth_pass="p") as client:
        for path in ("/detect", "/corner", "/v1/inspect"):
            allowed = client.options(path, headers=preflight)
            assert allowed.status_code == 200
            assert allowed.headers["Access-Control-Allow-Origin"] == "*"
            assert "authorization" in allowed.headers["Access-Control-Allow-Headers"].lower()
        assert client.post("/detect", headers=origin).status_code == 401
        assert client.options("/predict", headers=preflight).status_code == 401
        sent = client.post("/detect?empty=1", files={"image": ("a.png", picture())}, headers=origin, auth=("u", "p"))
        assert sent.headers["Access-Control-Allow-Origin"] == "*"
    with open_client(cors_origins="https://other.example") as client:
        assert client.options("/detect", headers=preflight).status_code == 400
    with open_client(cors_origins=",") as client:
        assert "Access-Control-Allow-Origin" not in client.options("/detect", headers=preflight).headers


def test_paths_and_addresses_cannot_be_named_unless_allowed(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(picture())
    for service in ("corner", "postit", "empty", "writingtype"):
        for variant in ("path", "_path", "url", "_url"):
            answer = client.get(f"/{service}{variant}", params={"path": str(tmp_path / "scan.png")})
            assert answer.status_code == 404


def _denied(path: Path) -> bool:
    raise PermissionError(13, "Permission denied", str(path))


def test_files_below_an_allowed_folder_may_be_named(
    open_client: OpenClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, secret = tmp_path / "scans", tmp_path / "secret.png"
    folder.mkdir()
    secret.write_bytes(picture())
    (folder / "scan.png").write_bytes(picture(BLACK))
    (folder / "link.png").symlink_to(secret)
    with open_client(allowed_paths=str(folder)) as client:
        for path in ("/cornerpath", "/corner_path"):
            answer = client.get(path, params={"path": str(folder / "scan.png")})
            assert answer.json()["prediction"] == "folded_corner"
        links = [str(secret), str(folder / ".." / "secret.png"), str(folder / "link.png")]
        for outside in (*links, "/etc/passwd", "scan.png", "a\0b"):
            refused = client.get("/cornerpath", params={"path": outside})
            assert refused.status_code == 403, outside
            assert "ALLOWED_PATHS" in refused.json()["detail"]
        assert client.get("/cornerpath", params={"path": str(folder / "none.png")}).status_code == 404
        assert client.get("/cornerpath", params={"path": str(folder)}).status_code == 404
        assert client.get("/cornerpath").status_code == 400
        with monkeypatch.context() as patch:
            # A folder on the way that may not be entered; file modes would not stop root.
            patch.setattr(Path, "is_file", _denied)
            assert client.get("/cornerpath", params={"path": str(folder / "scan.png")}).status_code == 403
        assert client.get("/cornerurl", params={"url": "http://127.0.0.1/"}).status_code == 404
