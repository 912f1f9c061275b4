"""What a person sees after ``import`` and ``connect``: scores in the Data Manager, pages of archive formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imagefaulty.labelstudio.projects import REVIEW_TAB
from tests.bundles import tiny_bundle
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
_SCAN = "return [...document.images].some(image => image.complete && image.naturalWidth > 400 && image.width > 400)"


def test_scores_are_seen_least_certain_first(studio: LabelStudioClient, browser: Browser, tmp_path: Path) -> None:
    commands = Commands(studio, tiny_bundle(tmp_path / "tiny"))
    clear = Image.new("RGB", (800, 1100), "red")
    # Between yellow and white, the model is in doubt whether there is a note.
    doubtful = Image.new("RGB", (800, 1100), (255, 255, 128))
    clear.save(tmp_path / "letter.tif", save_all=True, append_images=[doubtful], dpi=(100, 100))
    project = studio.call("POST", "/api/projects/", json={"title": "in the Data Manager"})["id"]
    commands.run("import", tmp_path / "letter.tif", "--project", project)
    with backend(environment=commands.environment(), name="imagefaulty-review") as server:
        commands.run("connect", "--project", project, "--backend-url", server.url)
        (tab,) = studio.call("GET", "/api/dm/views/", params={"project": project})
        assert tab["data"]["title"] == REVIEW_TAB
        log_in(browser, studio.url, USERNAME, PASSWORD)
        browser.open(f"{studio.url}/projects/{project}/data?tab={tab['id']}")
        browser.wait_for(f"{_TEXT}.includes('Prediction score') && document.images.length > 1")
        text = str(browser.run(_TEXT))
        browser.screenshot(SCREENSHOTS / "data-manager-scores.png")
        scores = [
            f"{task['predictions_score']:.3f}" for task in studio.tasks(project, ordering="tasks:predictions_score")
        ]
        positions = [text.find(score) for score in scores]
        assert -1 not in positions, text
        assert positions == sorted(positions)
        task = studio.tasks(project)[0]["id"]
        browser.open(f"{studio.url}/projects/{project}/data?task={task}")
        browser.wait_for(_SCAN)
        browser.screenshot(SCREENSHOTS / "tiff-page.png")
