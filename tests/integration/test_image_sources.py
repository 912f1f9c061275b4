"""Every place where a real Label Studio keeps images, at the root and under a sub-path: right choices, shown places.

The tiny bundle answers by colour, so that it is known what must come out.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from tests import studio_environment
from tests.bundles import tiny_bundle
from tests.conftest import absent
from tests.integration import object_store
from tests.integration.backend import PASSWORD, USER, backend, model_version
from tests.integration.browser import Browser, log_in
from tests.integration.label_studio import GUARDS_OFF, LEGACY_TOKEN, USERNAME, LabelStudioClient, label_studio
from tests.integration.label_studio import PASSWORD as STUDIO_PASSWORD
from tests.integration.processes import free_port
from tests.integration.sub_path import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.judge import Judge

pytestmark = pytest.mark.integration

SCREENSHOTS = Path(__file__).resolve().parent.parent.parent / ".cache" / "screenshots"
PLACES = """<RectangleLabels name="where" toName="image"><Label value="post-it" background="orange"/>
<Label value="folded_corner" background="red"/></RectangleLabels></View>"""
#: What the tiny bundle says of each page, by name.
EXPECTED = {"white": ("NP", "NC", "E"), "note": ("P", "NC", "NE"), "black": ("NP", "C", "NE")}


def pages() -> dict[str, bytes]:
    """Pages by file name; the note lies on the left of its page, over a little more than half of it."""
    drawn = {name: Image.new("RGB", (480, 640), (255, 255, 255)) for name in EXPECTED}
    drawn["note"].paste((235, 235, 255), (0, 0, 480, 640))
    drawn["note"].paste((255, 255, 0), (0, 0, 272, 640))  # just large enough: its score is lower than the others'
    drawn["black"].paste((0, 0, 0), (0, 0, 480, 640))
    return {f"{name} é.png": _png(image) for name, image in drawn.items()}


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def source_of(task: dict[str, Any]) -> str:
    """The image reference of a task, as it is in the database; the Data Manager shows its own address for ``s3://``."""
    reference: str = task["data"]["image"]
    encoded = parse_qs(urlsplit(reference).query).get("fileuri")
    return base64.urlsafe_b64decode(encoded[0]).decode() if encoded else reference


def name_of(task: dict[str, Any]) -> str:
    """Which page a task shows."""
    return next(name for name in EXPECTED if name in source_of(task))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def config(labelling_config: str) -> str:
    return labelling_config.replace("</View>", PLACES)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of an S3-compatible store."""
    command = object_store.executable()
    if command is None:
        absent("moto_server is not here; `make test` installs it, IMAGEFAULTY_MOTO names another")
    with object_store.object_store(command) as server:
        objects = {f"scans/{name.replace(' é', '')}": data for name, data in pages().items()}
        for bucket in ("signed", "proxied"):
            object_store.fill(server.url, bucket, objects)
        yield server.url


def add_buckets(studio: LabelStudioClient, project: int, store: str) -> None:
    """Connect both buckets: one whose files Label Studio signs, one whose files it hands through."""
    for bucket, presign in (("signed", True), ("proxied", False)):
        made = studio.call(
            "POST",
            "/api/storages/s3/",
            json={
                "project": project,
                "title": bucket,
                "bucket": bucket,
                "prefix": "scans",
                "s3_endpoint": store,
                "use_blob_urls": True,
                "presign": presign,
                "regex_filter": r".*\.png",
                **object_store.KEYS,
            },
        )
        studio.call("POST", f"/api/storages/s3/{made['id']}/sync")


def add_local_files(studio: LabelStudioClient, project: int, folder: Path) -> None:
    """Connect a folder of Label Studio's local files."""
    place = folder / "files" / "über scans"
    place.mkdir(parents=True, exist_ok=True)
    for name, data in pages().items():
        (place / name).write_bytes(data)
    storage = {"project": project, "title": "local", "path": str(place), "use_blob_urls": True, "regex_filter": ".*png"}
    made = studio.call("POST", "/api/storages/localfiles/", json=storage)
    studio.call("POST", f"/api/storages/localfiles/{made['id']}/sync")


@pytest.fixture(scope="module")
def predicted(
    studio: LabelStudioClient, store: str, bundle: Path, config: str
) -> Iterator[tuple[int, list[dict[str, Any]], str]]:
    """A project with uploads, local files and both buckets, predicted with a personal access token."""
    studio.allow_legacy_tokens(allowed=False)
    project = studio.create_project("pages, every source", config)
    studio.upload(project, pages())
    add_local_files(studio, project, studio.folder)
    add_buckets(studio, project, store)
    environment = {
        "LABEL_STUDIO_URL": studio.url,
        "LABEL_STUDIO_API_KEY": studio.personal_token,
        "MODEL_PATH": str(bundle),
    }
    with backend(environment=environment, name="imagefaulty-sources") as server:
        studio.connect(project, server.url, model_version(server.url, config))
        studio.retrieve_predictions(project)
        yield project, studio.tasks(project), server.log_text()
    studio.allow_legacy_tokens(allowed=True)


def assert_right(tasks: list[dict[str, Any]], config: str, judge: Judge, log: str) -> None:
    """Every task has one prediction, with the choices that its page must have."""
    for task in tasks:
        assert len(task["predictions"]) == 1, f"{source_of(task)}\n{log}"
        prediction = task["predictions"][0]
        assert judge.errors(config, prediction) == []
        chosen = {r["from_name"]: r["value"]["choices"][0] for r in prediction["result"] if r["type"] == "choices"}
        assert (chosen["post_it"], chosen["corner"], chosen["empty"]) == EXPECTED[name_of(task)], source_of(task)
        shown = [r["value"]["rectanglelabels"] for r in prediction["result"] if r["type"] == "rectanglelabels"]
        assert shown == {"white": [], "note": [["post-it"]], "black": [["folded_corner"]]}[name_of(task)]


def test_pages_are_read_wherever_label_studio_keeps_them(
    predicted: tuple[int, list[dict[str, Any]], str], config: str, label_studio_judge: Judge
) -> None:
    _, tasks, log = predicted
    sources = [source_of(task) for task in tasks]
    for kind in ("/data/upload/", "/data/local-files/", "s3://signed/", "s3://proxied/"):
        assert sum(source.startswith(kind) for source in sources) == 3, sources
    assert_right(tasks, config, label_studio_judge, log)
    assert "takes the personal access token from LABEL_STUDIO_API_KEY" in log
    assert object_store.KEYS["aws_secret_access_key"] not in log
    assert "X-Amz-Signature" not in log


def listed(studio: LabelStudioClient, project: int, condition: tuple[str, str, str], value: object) -> list[int]:
    """Tasks that the Data Manager's filter lets through: a column, its kind, an operator, and the value."""
    column, kind, operator = condition
    item = {"filter": f"filter:tasks:{column}", "type": kind, "operator": operator, "value": value}
    query = json.dumps({"filters": {"conjunction": "and", "items": [item]}})
    answer = studio.call("GET", "/api/tasks", params={"project": project, "fields": "all", "query": query})
    return [task["id"] for task in answer["tasks"]]


def test_the_data_manager_sorts_and_filters(
    studio: LabelStudioClient, predicted: tuple[int, list[dict[str, Any]], str]
) -> None:
    project, tasks, _ = predicted
    scores = {task["id"]: task["predictions"][0]["score"] for task in tasks}
    columns = {task["id"]: task["predictions_score"] for task in tasks}
    assert columns == pytest.approx(scores), "the score column is filled"
    ordered = [scores[task["id"]] for task in studio.tasks(project, ordering="-tasks:predictions_score")]
    assert ordered == sorted(scores.values(), reverse=True)
    middle = sorted(scores.values())[5]
    above = listed(studio, project, ("predictions_score", "Number", "greater"), middle)
    assert set(above) == {task for task, score in scores.items() if score > middle}
    doubtful = listed(studio, project, ("predictions_score", "Number", "less"), 0.9)
    assert set(doubtful) == {task["id"] for task in tasks if name_of(task) == "note"}
    notes = listed(studio, project, ("predictions_results", "String", "contains"), '"P"')
    assert set(notes) == {task["id"] for task in tasks if name_of(task) == "note"}
    version = tasks[0]["predictions"][0]["model_version"]
    assert len(listed(studio, project, ("predictions_model_versions", "List", "contains"), version)) == len(tasks)


# The list of regions beside the page names each place with its label.
_PLACES_LISTED = "return /post-it/.test((document.querySelector('[class*=outliner]') || document.body).innerText)"


def test_people_see_the_place_and_the_score(
    studio: LabelStudioClient, predicted: tuple[int, list[dict[str, Any]], str], browser: Browser
) -> None:
    project, tasks, _ = predicted
    task = next(task for task in tasks if name_of(task) == "note")
    log_in(browser, studio.url, USERNAME, STUDIO_PASSWORD)
    browser.open(f"{studio.url}/projects/{project}/data?task={task['id']}")
    browser.wait_for("return [...document.images].some(image => image.complete && image.naturalWidth > 400)")
    browser.wait_for(_PLACES_LISTED)
    browser.screenshot(SCREENSHOTS / "place-of-a-note.png")
    hidden = ["cancelled_annotations", "completed_at", "annotators", "file_upload", "storage_filename"]
    view = {
        "title": "By score",
        "ordering": ["tasks:predictions_score"],
        "hiddenColumns": {"explore": [f"tasks:{column}" for column in hidden], "labeling": []},
    }
    made = studio.call("POST", "/api/dm/views/", json={"project": project, "data": view})
    browser.open(f"{studio.url}/projects/{project}/data?tab={made['id']}")
    browser.wait_for("return document.querySelectorAll('.dm-table__row-wrapper, [class*=row-wrapper]').length > 5")
    browser.screenshot(SCREENSHOTS / "data-manager.png")


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioClient]:
    """A real Label Studio under a sub-path."""
    executable = studio_environment.executable()
    if executable is None:
        absent("Label Studio is not here; `make studio-env` installs it")
    folder = tmp_path_factory.mktemp("label-studio-nested")
    port = free_port()
    environment = GUARDS_OFF | {"LABEL_STUDIO_HOST": f"http://127.0.0.1:{port}/label"}
    with label_studio(executable, folder, guards=environment) as server, below("/label", port, server.url) as url:
        client = LabelStudioClient(url, folder=folder)
        yield client
        client.close()


def test_a_label_studio_under_a_sub_path_is_served_too(
    nested: LabelStudioClient, store: str, bundle: Path, config: str, label_studio_judge: Judge
) -> None:
    project = nested.create_project("pages, sub-path", config)
    nested.upload(project, pages())
    add_local_files(nested, project, nested.folder)
    add_buckets(nested, project, store)
    tasks, log = retrieved(nested, project, bundle, config, token=LEGACY_TOKEN, password=PASSWORD)
    sources = [source_of(task) for task in tasks]
    for kind in ("/label/data/upload/", "/data/local-files/", "s3://signed/", "s3://proxied/"):
        assert sum(kind in source for source in sources) == 3, sources
    assert_right(tasks, config, label_studio_judge, log)


@pytest.fixture(params=["root", "sub-path"])
def anywhere(request: pytest.FixtureRequest) -> LabelStudioClient:
    """A Label Studio at the root of its address, and one below a path."""
    found: LabelStudioClient = request.getfixturevalue({"root": "studio", "sub-path": "nested"}[request.param])
    return found


@pytest.mark.parametrize("way", ["legacy, password", "legacy, open", "personal, password", "personal, open"])
def test_each_token_works_with_and_without_a_password(
    anywhere: LabelStudioClient, way: str, bundle: Path, config: str, label_studio_judge: Judge
) -> None:
    token, _, access = way.partition(", ")
    anywhere.allow_legacy_tokens(allowed=token == "legacy")
    try:
        secret = LEGACY_TOKEN if token == "legacy" else anywhere.personal_token
        project = anywhere.create_project(f"pages, {way}", config)
        anywhere.upload(project, pages())
        password = PASSWORD if access == "password" else None
        tasks, log = retrieved(anywhere, project, bundle, config, token=secret, password=password)
    finally:
        anywhere.allow_legacy_tokens(allowed=True)
    assert len(tasks) == 3
    assert_right(tasks, config, label_studio_judge, log)


def retrieved(
    studio: LabelStudioClient, project: int, bundle: Path, config: str, *, token: str, password: str | None
) -> tuple[list[dict[str, Any]], str]:
    """Connect a backend of its own to a project and retrieve predictions; return the tasks and the backend's log."""
    environment = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": token, "MODEL_PATH": str(bundle)}
    if password is not None:
        environment |= {"BASIC_AUTH_USER": USER, "BASIC_AUTH_PASS": password}
    with backend(environment=environment, name="imagefaulty-combination") as server:
        version = model_version(server.url, config, None if password is None else (USER, password))
        if password is None:
            studio.connect(project, server.url, version)
        else:
            studio.connect(project, server.url, version, user=USER, password=password)
        studio.retrieve_predictions(project)
        return studio.tasks(project), server.log_text()
