"""What a person sees after ``import`` and ``connect``: scores in the Data Manager, pages of archive formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imagefaulty.labelstudio.projects import REVIEW_TAB
from tests.integration.backend import backend
from tests.integration.browser import Browser, log_in
from tests.integration.commands import Commands
from tests.integration.label_studio import PASSWORD, USERNAME

if TYPE_CHECKING:
    from tests.integration.label_studio import LabelStudioClient

pytestmark = pytest.mark.integration

#: Screenshots stay here for whoever wants to look; ignored by git.
SCREENSHOTS = Path(__file__).resolve().parent.parent.parent / ".cache" / "screenshots"
_TEXT = "return document.body.innerText"
_THUMBNAILS = "return [...document.images].filter(image => image.complete && image.naturalWidth > 400).length >= 7"
_SCAN = "return [...document.images].some(image => image.complete && image.naturalWidth > 400 && image.width > 400)"


def test_scores_are_seen_least_certain_first(studio: LabelStudioClient, browser: Browser, repository: Path) -> None:
    commands = Commands(studio, None)
    project = studio.call("POST", "/api/projects/", json={"title": "in the Data Manager"})["id"]
    commands.run("import", repository / "examples" / "samples", "--project", project)
    with backend(environment=commands.environment(), name="imagefaulty-review") as server:
        commands.run("connect", "--project", project, "--backend-url", server.url)
        (tab,) = studio.call("GET", "/api/dm/views/", params={"project": project})
        assert tab["data"]["title"] == REVIEW_TAB
        log_in(browser, studio.url, USERNAME, PASSWORD)
        browser.open(f"{studio.url}/projects/{project}/data?tab={tab['id']}")
        browser.wait_for(f"{_TEXT}.includes('Prediction score')")
        browser.wait_for(_THUMBNAILS)
        text = str(browser.run(_TEXT))
        browser.screenshot(SCREENSHOTS / "data-manager-scores.png")
        scores = [
            f"{task['predictions_score']:.3f}" for task in studio.tasks(project, ordering="tasks:predictions_score")
        ]
        positions = [text.find(score) for score in scores]
        assert -1 not in positions, text
        assert positions == sorted(positions)
        task = next(task["id"] for task in studio.tasks(project) if task["data"]["source"] == "memorandum.tif")
        browser.open(f"{studio.url}/projects/{project}/data?task={task}")
        browser.wait_for(_SCAN)
        browser.screenshot(SCREENSHOTS / "tiff-page.png")
