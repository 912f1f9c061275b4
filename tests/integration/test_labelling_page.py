"""What a person sees: the predicted choices are selected on the labelling page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imagefaulty.checks import CHECKS
from tests.integration.backend import backend, model_version
from tests.integration.browser import Browser, log_in
from tests.integration.label_studio import PASSWORD, USERNAME, LabelStudioClient

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

#: Screenshots stay here for whoever wants to look; ignored by git.
SCREENSHOTS = Path(__file__).resolve().parent.parent.parent / ".cache" / "screenshots"

# The choices named "ok" share one radio group in the page's markup, so only the visual class tells what is selected.
_SELECTED = """
return [...document.querySelectorAll('.ant-radio-wrapper')]
    .filter(choice => choice.className.split(' ').some(name => name.endsWith('-checked')))
    .map(choice => choice.innerText.replace(/\\[.*?\\]/, '').trim());
"""
_SCAN = "return [...document.images].some(image => image.complete && image.naturalWidth > 400 && image.width > 400)"
_ALL = "return document.querySelectorAll('.ant-radio-wrapper').length"


@pytest.fixture(scope="module")
def project(studio: LabelStudioClient, scans: list[Path], labelling_config: str) -> Iterator[int]:
    """A project whose tasks are predicted, and its backend, which the label stream asks again for every task."""
    number = studio.create_project("pages, in the browser", labelling_config)
    studio.upload(number, {path.name: path.read_bytes() for path in scans})
    environment = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_ACCESS_TOKEN": studio.personal_token}
    with backend(environment=environment, name="imagefaulty-browser") as server:
        # The label stream shows only predictions of the version that is the connection's title.
        studio.connect(number, server.url, model_version(server.url, labelling_config))
        studio.retrieve_predictions(number)
        yield number


@pytest.fixture(scope="module")
def annotator(browser: Browser, studio: LabelStudioClient) -> Browser:
    """The browser, logged in."""
    log_in(browser, studio.url, USERNAME, PASSWORD)
    return browser


def shown(task: dict[str, Any]) -> list[str]:
    """What the page should show for a task's prediction: the value of each chosen alias."""
    aliases = {result["from_name"]: result["value"]["choices"][0] for result in task["predictions"][0]["result"]}
    return [
        next(page_class.name for page_class in check.classes if page_class.alias == aliases[check.name])
        for check in CHECKS
    ]


def selected(browser: Browser) -> list[str]:
    """The choices selected on the page, top to bottom, once the scan is shown above them."""
    browser.wait_for(_SCAN)
    browser.wait_for(f"{_ALL} === 9")
    names: list[str] = browser.wait_for(_SELECTED)
    return names


@pytest.mark.parametrize("number", range(4))
def test_predicted_choices_are_selected_in_the_quick_view(
    annotator: Browser, studio: LabelStudioClient, project: int, number: int
) -> None:
    task = studio.tasks(project)[number]
    annotator.open(f"{studio.url}/projects/{project}/data?task={task['id']}")
    choices = selected(annotator)
    annotator.screenshot(SCREENSHOTS / f"quick-view-{number}.png")
    assert choices == shown(task)


def test_predicted_choices_are_selected_in_the_label_stream(
    annotator: Browser, studio: LabelStudioClient, project: int
) -> None:
    annotator.open(f"{studio.url}/projects/{project}/data?labeling=1")
    choices = selected(annotator)
    annotator.screenshot(SCREENSHOTS / "label-stream.png")
    assert choices == shown(studio.tasks(project)[0])
