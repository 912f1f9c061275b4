"""``imagefaulty labelstudio predict`` and ``import`` against a real Label Studio."""

from __future__ import annotations

import base64
import io
import signal
import time
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from PIL import Image

from imagefaulty.labelstudio.projects import model_versions
from imagefaulty.labelstudio.tasks import list_tasks, store_predictions
from tests.bundles import tiny_bundle
from tests.integration.commands import Commands, versions

if TYPE_CHECKING:
    from pathlib import Path

    from imagefaulty.labelstudio.client import LabelStudioClient as Client
    from tests.integration.label_studio import LabelStudioClient
    from tests.judge import Judge

pytestmark = pytest.mark.integration

#: More than two pages of the listing.
MANY = 450
#: Pages of A4 at 205 dpi, which take longer to inspect than it takes a busy Label Studio to say that some are stored:
#: about a minute in all.
INTERRUPTED = 1_600


@pytest.fixture(scope="module")
def commands(studio: LabelStudioClient, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """The commands, with a model whose answers follow from the colour of the page."""
    return Commands(studio, tiny_bundle(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of archive formats: eight pages, and a damaged file."""
    folder = tmp_path_factory.mktemp("papers")
    white, yellow, red = (Image.new("RGB", (1000, 1400), colour) for colour in ("white", "yellow", "red"))
    (folder / "box é").mkdir()
    white.save(folder / "box é" / "two.tif", save_all=True, append_images=[yellow], dpi=(300, 300))
    Image.new("1", (1654, 2339), 1).save(folder / "fax.tif", compression="group4", dpi=(200, 200))
    red.resize((3000, 4200)).save(folder / "large.jp2")
    white.save(folder / "letters.pdf", save_all=True, append_images=[red, yellow], resolution=150)
    white.save(folder / "page.jpg", dpi=(150, 150))
    (folder / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def many_tasks(
    studio: LabelStudioClient, title: str, config: str, number: int = MANY, size: tuple[int, int] = (60, 80)
) -> int:
    """A project with so many tasks, all of one red page."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG")
    page = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    project = studio.create_project(title, config)
    studio.import_tasks(project, [{"image": page}] * number)
    return project


def test_every_page_of_every_format_becomes_a_task(
    commands: Commands, papers: Path, label_studio_judge: Judge, labelling_config: str
) -> None:
    project = commands.studio.call("POST", "/api/projects/", json={"title": "archive formats"})["id"]
    run, talk = commands.run("import", papers, "--project", project, status=4)
    assert (run["imported"], run["predicted"], run["skipped"]) == (8, 8, 0)
    assert [failure["source"] for failure in run["failed"]] == ["damaged.png"]
    assert "damaged.png" in talk
    tasks = commands.studio.tasks(project)
    seen = {(task["data"]["source"], task["data"]["page"], task["data"]["pages"]): chosen(task) for task in tasks}
    assert seen == {
        ("box é/two.tif", 1, 2): ["C", "NP", "NC", "E"],
        ("box é/two.tif", 2, 2): ["H", "P", "NC", "NE"],
        ("fax.tif", 1, 1): ["C", "NP", "NC", "E"],
        ("large.jp2", 1, 1): ["H", "NP", "NC", "NE"],
        ("letters.pdf", 1, 3): ["C", "NP", "NC", "E"],
        ("letters.pdf", 2, 3): ["H", "NP", "NC", "NE"],
        ("letters.pdf", 3, 3): ["H", "P", "NC", "NE"],
        ("page.jpg", 1, 1): ["C", "NP", "NC", "E"],
    }
    for task in tasks:
        assert len(task["data"]["sha256"]) == 64
        assert label_studio_judge.errors(labelling_config, task["predictions"][0]) == []
    # The score column is filled without a backend.
    assert None not in [task["predictions_score"] for task in tasks]


def test_pages_become_jpegs_that_keep_the_size_of_the_paper(commands: Commands, papers: Path) -> None:
    project = commands.studio.call("POST", "/api/projects/", json={"title": "sizes"})["id"]
    commands.run("import", papers / "large.jp2", "--project", project, "--longest-side", 1400, "--no-predictions")
    commands.run("import", papers / "fax.tif", "--project", project, "--no-predictions", "--longest-side", 1170)
    large, fax = (picture(commands.studio, task) for task in commands.studio.tasks(project))
    assert (large.format, large.size) == ("JPEG", (1000, 1400))
    assert (fax.format, fax.mode, fax.size) == ("JPEG", "L", (827, 1170))
    assert fax.info["dpi"] == pytest.approx((100, 100), abs=1)


def test_importing_again_skips_what_is_there(commands: Commands, papers: Path) -> None:
    project = commands.studio.call("POST", "/api/projects/", json={"title": "again"})["id"]
    commands.run("import", papers / "box é", "--project", project)
    run, _ = commands.run("import", papers, "--project", project, status=4)
    assert (run["imported"], run["skipped"]) == (6, 2)
    run, _ = commands.run("import", papers, "--project", project, status=4)
    assert (run["imported"], run["skipped"]) == (0, 8)
    assert len(commands.studio.tasks(project)) == 8


def test_pages_can_be_served_from_a_folder(commands: Commands, papers: Path) -> None:
    project = commands.studio.call("POST", "/api/projects/", json={"title": "served"})["id"]
    root = commands.studio.folder / "files"
    run, _ = commands.run("import", papers / "box é", "--project", project, "--local-files", root)
    assert run["imported"] == 2
    tasks = commands.studio.tasks(project)
    assert all(task["data"]["image"].startswith("/data/local-files/?d=imagefaulty/") for task in tasks)
    assert {picture(commands.studio, task).format for task in tasks} == {"JPEG"}
    assert len(list(root.rglob("*.jpg"))) == 2


def test_a_folder_that_is_not_served_is_refused_with_the_reason(
    commands: Commands, papers: Path, tmp_path: Path
) -> None:
    project = commands.studio.call("POST", "/api/projects/", json={"title": "not served"})["id"]
    _, talk = commands.run("import", papers, "--project", project, "--local-files", tmp_path, status=5)
    assert "LOCAL_FILES_DOCUMENT_ROOT" in talk


def test_a_project_of_any_size_is_predicted_once(commands: Commands, labelling_config: str, tmp_path: Path) -> None:
    project = many_tasks(commands.studio, "many tasks", labelling_config)
    run, _ = commands.run("predict", "--project", project, "--limit", 20)
    assert run["predicted"] == 20
    run, _ = commands.run("predict", "--project", project)
    assert (run["predicted"], run["total"], run["failed"]) == (MANY - 20, MANY - 20, [])
    tasks = commands.studio.tasks(project)
    assert {tuple(versions(task)) for task in tasks} == {(run["model_version"],)}
    assert None not in [task["predictions_score"] for task in tasks]
    run, _ = commands.run("predict", "--project", project)
    assert (run["predicted"], run["total"]) == (0, 0)
    newer = {"MODEL_DIR": str(tiny_bundle(tmp_path, version="1.1"))}
    run, _ = commands.run("predict", "--project", project, "--limit", 5, environment=newer)
    assert sorted(len(versions(task)) for task in commands.studio.tasks(project)) == [1] * (MANY - 5) + [2] * 5


def test_an_interrupted_run_stores_what_it_has_and_goes_on_there(commands: Commands, labelling_config: str) -> None:
    project = many_tasks(commands.studio, "interrupted", labelling_config, INTERRUPTED, (1700, 2400))
    process = commands.start("predict", "--project", project, "--threads", 1)
    deadline = time.monotonic() + 60
    while not stored(commands, project) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=200)  # as long as any command here: one that goes on to its end returns 0
    assert process.returncode == 130, talk
    assert "Traceback" not in talk
    before = stored(commands, project)
    assert 0 < before < INTERRUPTED
    run, _ = commands.run("predict", "--project", project)
    assert run["predicted"] == INTERRUPTED - before
    assert stored(commands, project) == INTERRUPTED


def test_tasks_that_fail_are_named_and_do_not_keep_others_out(
    commands: Commands, scan_server: str, labelling_config: str
) -> None:
    project = commands.studio.create_project("some tasks fail", labelling_config)
    images = [f"{scan_server}/note.webp", f"{scan_server}/absent.jpg", "data:image/png;base64,AAAA"]
    commands.studio.import_tasks(project, [{"image": image} for image in images])
    run, talk = commands.run("predict", "--project", project, status=4)
    assert run["predicted"] == 1
    assert {failure["code"] for failure in run["failed"]} == {"source_not_found", "page_unsupported"}
    assert "absent.jpg" in talk


def test_only_unlabelled_leaves_annotated_tasks_out(commands: Commands, labelling_config: str) -> None:
    project = many_tasks(commands.studio, "unlabelled", labelling_config, 3)
    labelled = commands.studio.tasks(project)[1]["id"]
    commands.studio.call("POST", f"/api/tasks/{labelled}/annotations/", json={"result": []})
    run, _ = commands.run("predict", "--project", project, "--only-unlabelled")
    assert run["predicted"] == 2
    assert [len(versions(task)) for task in commands.studio.tasks(project)] == [1, 0, 1]


def test_a_version_that_is_part_of_another_is_told_apart(commands: Commands, labelling_config: str) -> None:
    project = many_tasks(commands.studio, "versions", labelling_config, 3)
    tasks = [task["id"] for task in commands.studio.tasks(project)]

    async def work(client: Client) -> list[int]:
        await store_predictions(client, project, [made(tasks[0], "pages-1.0-more"), made(tasks[1], "pages-1.0")])
        listed = list_tasks(client, project, without_version="pages-1.0", page_tasks=1)
        return [task["id"] async for page in listed for task in page.tasks]

    assert commands.call(work) == [tasks[0], tasks[2]]


def test_a_task_that_was_deleted_does_not_keep_others_out(commands: Commands, labelling_config: str) -> None:
    project = many_tasks(commands.studio, "deleted", labelling_config, 5)
    tasks = [task["id"] for task in commands.studio.tasks(project)]
    commands.studio.call("DELETE", f"/api/tasks/{tasks[2]}/")

    async def work(client: Client) -> list[int]:
        return list(await store_predictions(client, project, [made(task, "v") for task in tasks]))

    assert commands.call(work) == [tasks[2]]
    assert stored(commands, project) == 4


def chosen(task: dict[str, Any]) -> list[str]:
    """What a task's prediction says."""
    return [result["value"]["choices"][0] for result in task["predictions"][0]["result"]]


def made(task: int, version: str) -> dict[str, Any]:
    """A prediction."""
    return {"task": task, "model_version": version, "score": 0.5, "result": []}


def stored(commands: Commands, project: int) -> int:
    """How many predictions a project has."""

    async def work(client: Client) -> int:
        return sum((await model_versions(client, project)).values())

    return commands.call(work)


def picture(studio: LabelStudioClient, task: dict[str, Any]) -> Image.Image:
    """A task's image, as Label Studio hands it out."""
    access = httpx2.post(f"{studio.url}/api/token/refresh/", json={"refresh": studio.personal_token}).json()["access"]
    answer = httpx2.get(studio.url + task["data"]["image"], headers={"Authorization": f"Bearer {access}"})
    return Image.open(io.BytesIO(answer.raise_for_status().content))
