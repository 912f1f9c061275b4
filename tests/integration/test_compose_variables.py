"""A real Label Studio and the real backend, started with the variables that the compose file gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import studio_environment
from tests.conftest import absent
from tests.integration.backend import backend, model_version
from tests.integration.label_studio import LabelStudioClient
from tests.integration.processes import ServerProcess, free_port
from tests.packaging.compose import FILLED, FOLDER, services, substituted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration


@pytest.fixture
def compose_studio(tmp_path: Path) -> Iterator[ServerProcess]:
    """Label Studio with the variables of the compose file, but for the port and where its data is."""
    executable = studio_environment.executable()
    if executable is None:
        absent("Label Studio is not here; `make studio-env` installs it")
    port = free_port()
    given = substituted(services(FOLDER / "up.label@cpu")["label-studio"]["environment"], FILLED)
    here = {"LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path), "LABEL_STUDIO_URL": ""}
    quiet = {"COLLECT_ANALYTICS": "0", "LATEST_VERSION_CHECK": "0", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}
    command = [str(executable), "start", "-b", "--internal-host", "127.0.0.1", "--port", str(port)]
    (tmp_path / "data").mkdir()
    with ServerProcess(
        "compose-label-studio", command, f"http://127.0.0.1:{port}", environment=given | here | quiet, ready_s=240
    ) as running:
        yield running


def test_label_studio_and_the_backend_find_each_other(
    compose_studio: ServerProcess, scans: list[Path], labelling_config: str
) -> None:
    """With nothing but the variables of the compose file: the first user, the token, a backend on this network."""
    given = substituted(services(FOLDER / "up.label@cpu")["backend"]["environment"], FILLED)
    assert given.pop("LABEL_STUDIO_URL") == "http://label-studio:8080"
    del given["MODEL_DIR"]
    password = (FILLED["BASIC_AUTH_USER"], FILLED["BASIC_AUTH_PASS"])
    client = LabelStudioClient(compose_studio.url, token=FILLED["LABEL_STUDIO_USER_TOKEN"])
    project = client.create_project("pages of the compose file", labelling_config)
    client.upload(project, {path.name: path.read_bytes() for path in scans[:2]})
    with backend((), {**given, "LABEL_STUDIO_URL": compose_studio.url}, name="compose-backend") as server:
        title = model_version(server.url, labelling_config, password)
        client.connect(project, server.url, title, user=password[0], password=password[1])
        client.retrieve_predictions(project)
    tasks = client.tasks(project)
    client.close()
    assert [task["total_predictions"] for task in tasks] == [1, 1]
    assert all(task["predictions_score"] is not None for task in tasks)
