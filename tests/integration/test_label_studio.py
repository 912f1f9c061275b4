"""The whole conversation with a real Label Studio: connect, predict, store, list."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from imagefaulty.checks import CHECKS
from tests.integration.backend import PASSWORD, USER, backend, model_version
from tests.integration.label_studio import LEGACY_TOKEN, LabelStudioClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.judge import Judge

pytestmark = pytest.mark.integration

ALIASES = {check.name: {page_class.alias for page_class in check.classes} for check in CHECKS}


@dataclass(frozen=True, slots=True)
class Answered:
    """A project whose tasks Label Studio had predicted by our backend.

    Attributes:
        project: Its number in Label Studio.
        tasks: Its tasks as the Data Manager lists them.
        model_version: What ``/setup`` says.
        message: What "Retrieve Predictions" said.
        backend_log: What the backend wrote meanwhile.
    """

    project: int
    tasks: list[dict[str, Any]]
    model_version: str
    message: str
    backend_log: str


def task_data(scans: list[Path], scan_server: str) -> list[dict[str, str]]:
    """Tasks by reference: by URL, and as a data URI."""
    inline = base64.b64encode(scans[1].read_bytes()).decode()
    return [
        *({"image": f"{scan_server}/{quote(path.name)}"} for path in scans[:4]),
        {"image": f"data:image/png;base64,{inline}"},
    ]


@pytest.fixture(scope="module", params=["personal access token, flags", "legacy token, environment"])
def answered(
    request: pytest.FixtureRequest,
    studio: LabelStudioClient,
    scans: list[Path],
    scan_server: str,
    labelling_config: str,
) -> Iterator[Answered]:
    """All scans uploaded, some imported by reference as well, and predicted through Label Studio."""
    legacy = request.param.startswith("legacy")
    studio.allow_legacy_tokens(allowed=legacy)  # off is how a fresh Label Studio is
    token = LEGACY_TOKEN if legacy else studio.personal_token
    environment = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_ACCESS_TOKEN": token}
    arguments: tuple[str, ...] = ()
    if legacy:
        environment |= {"BASIC_AUTH_USER": USER, "BASIC_AUTH_PASS": PASSWORD}
    else:
        arguments = ("--basic-auth-user", USER, "--basic-auth-pass", PASSWORD)
    project = studio.create_project(f"pages, {request.param}", labelling_config)
    studio.upload(project, {path.name: path.read_bytes() for path in scans})
    studio.import_tasks(project, task_data(scans, scan_server))
    with backend(arguments, environment) as server:
        version = model_version(server.url, labelling_config, (USER, PASSWORD))
        # The title makes the Data Manager's score column work.
        studio.connect(project, server.url, version, user=USER, password=PASSWORD)
        answer = studio.retrieve_predictions(project)
        message = str(answer.get("detail", answer))
        yield Answered(project, studio.tasks(project), version, message, server.log_text())
    studio.allow_legacy_tokens(allowed=True)


def test_every_task_gets_one_prediction(answered: Answered, scans: list[Path]) -> None:
    assert len(answered.tasks) == len(scans) + 5
    counts = {task["data"]["image"][:60]: len(task["predictions"]) for task in answered.tasks}
    assert set(counts.values()) == {1}, f"{answered.message}\n{counts}\n{answered.backend_log}"


def test_every_prediction_fills_all_four_controls(answered: Answered) -> None:
    for prediction in predictions(answered):
        chosen = {result["from_name"]: result["value"]["choices"] for result in prediction["result"]}
        assert list(chosen) == list(ALIASES)
        for name, choices in chosen.items():
            assert len(choices) == 1
            assert choices[0] in ALIASES[name]


def test_every_prediction_satisfies_label_studios_own_interface(
    answered: Answered, label_studio_judge: Judge, labelling_config: str
) -> None:
    for prediction in predictions(answered):
        assert label_studio_judge.errors(labelling_config, prediction) == []


def test_result_ids_are_unique_in_the_project(answered: Answered) -> None:
    ids = [result["id"] for prediction in predictions(answered) for result in prediction["result"]]
    assert len(set(ids)) == len(ids)


def test_scores_are_probabilities_and_the_least_certain_check_decides(answered: Answered) -> None:
    for prediction in predictions(answered):
        scores = [result["score"] for result in prediction["result"]]
        assert all(0 <= score <= 1 for score in scores)
        assert prediction["score"] == pytest.approx(min(scores), abs=1e-6)


def test_model_version_is_the_one_of_setup(answered: Answered) -> None:
    assert {prediction["model_version"] for prediction in predictions(answered)} == {answered.model_version}


def test_data_manager_sorts_by_score(answered: Answered, studio: LabelStudioClient) -> None:
    listed = studio.tasks(answered.project, ordering="tasks:predictions_score")
    scores = [task["predictions_score"] for task in listed]
    assert None not in scores
    assert scores == sorted(scores)


def test_the_same_page_is_answered_alike_however_it_came(answered: Answered) -> None:
    uploaded = answered.tasks[1]["predictions"][0]["result"]
    inline = answered.tasks[-1]["predictions"][0]["result"]
    assert [result["value"] for result in uploaded] == [result["value"] for result in inline]
    assert [result["score"] for result in uploaded] == pytest.approx([result["score"] for result in inline], abs=1e-6)


def test_no_secret_is_logged(answered: Answered, studio: LabelStudioClient) -> None:
    assert answered.backend_log, "the backend wrote no log at all"
    for secret in (PASSWORD, LEGACY_TOKEN, studio.personal_token):
        assert secret not in answered.backend_log


def test_connecting_with_a_wrong_password_is_refused_clearly(studio: LabelStudioClient, labelling_config: str) -> None:
    project = studio.create_project("pages, wrong password", labelling_config)
    with (
        backend(("--basic-auth-user", USER, "--basic-auth-pass", PASSWORD), name="imagefaulty-wrong") as server,
        pytest.raises(RuntimeError, match="authentication parameters were either not provided or are incorrect"),
    ):
        studio.connect(project, server.url, "pages", user=USER, password="wrong")


def test_one_bad_task_leaves_the_others_untouched(
    studio: LabelStudioClient, scans: list[Path], scan_server: str, labelling_config: str
) -> None:
    project = studio.create_project("pages, some of them bad", labelling_config)
    good = task_data(scans, scan_server)
    bad = [{"image": f"{scan_server}/absent.jpg"}, {"image": "data:image/png;base64,AAAA"}]
    studio.import_tasks(project, [good[0], *bad, *good[1:]])
    with backend(environment={"LABEL_STUDIO_URL": studio.url}, name="imagefaulty-bad-tasks") as server:
        studio.connect(project, server.url, "pages")
        studio.retrieve_predictions(project)
        counts = [len(task["predictions"]) for task in studio.tasks(project)]
    assert counts == [1, 0, 0, 1, 1, 1, 1]


def predictions(answered: Answered) -> list[dict[str, Any]]:
    """All predictions of the project."""
    return [prediction for task in answered.tasks for prediction in task["predictions"]]
