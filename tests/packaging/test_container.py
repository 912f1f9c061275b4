"""The image, built from its Dockerfile and run for real: see images.py for what is shown how."""

from __future__ import annotations

import base64
import errno
import io
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from PIL import Image

from tests.conftest import absent
from tests.integration.processes import ServerProcess, free_port
from tests.packaging.compose import FOLDER, services
from tests.packaging.images import BASE, REPOSITORY, ImageConfig, ImageStore, missing_tools, read_only, size_bytes
from tests.test_pins import pins

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.container, pytest.mark.timeout(1200)]

NAME = "localhost/imagefaulty:under-test"
DEMO = "localhost/imagefaulty:demo-under-test"
LIMIT_BYTES = 450 * 1000 * 1000
_WRITE = """
import errno, json, pathlib, sys
said = {}
for folder in sys.argv[1:]:
    try:
        (pathlib.Path(folder) / "x").write_text("x")
        said[folder] = "written"
    except OSError as error:
        said[folder] = errno.errorcode[error.errno]
print(json.dumps(said))
"""
_VERSIONS = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


@pytest.fixture(scope="module")
def store() -> ImageStore:
    if missing := missing_tools():
        absent(f"the image cannot be built without {', '.join(missing)}; run as root: make test-container")
    folder = os.environ.get("IMAGEFAULTY_IMAGE_STORE") or REPOSITORY / ".cache" / "container"
    store = ImageStore(Path(folder))
    store.make_base()
    return store


@pytest.fixture(scope="module")
def base_bytes(store: ImageStore) -> int:
    container, root = store.unpack(BASE)
    measured = size_bytes(root)
    store.remove(containers=[container])
    return measured


@pytest.fixture(scope="module")
def container(store: ImageStore) -> Iterator[tuple[str, Path]]:
    store.build(NAME)
    name, root = store.unpack(NAME)
    yield name, root
    store.remove(containers=[name], images=[NAME])


@pytest.fixture(scope="module")
def root(container: tuple[str, Path]) -> Path:
    return container[1]


@pytest.fixture(scope="module")
def config(store: ImageStore, container: tuple[str, Path]) -> ImageConfig:
    assert container
    return store.config(NAME)


@pytest.fixture(scope="module")
def server(root: Path, config: ImageConfig) -> Iterator[ServerProcess]:
    """The image's own command, with nothing writable anywhere and a password set."""
    port = free_port()
    settings = {"PORT": str(port), "HOST": "127.0.0.1", "BASIC_AUTH_USER": "u", "BASIC_AUTH_PASS": "p"}
    command = read_only(root, config, config.command, environment=settings)
    with ServerProcess("container", command, f"http://127.0.0.1:{port}", health="/livez") as running:
        yield running
        os.kill(process_one(running), signal.SIGTERM)
        running.wait(15)


def page() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1240, 1754), (250, 248, 240)).save(buffer, "JPEG")
    return buffer.getvalue()


def process_one(server: ServerProcess) -> int:
    """Number, on this side, of the process that is number 1 on the other."""
    parent = server.pid
    return int(Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0])


def test_it_is_small_beyond_its_base(root: Path, base_bytes: int, record_property: Any) -> None:
    beyond = size_bytes(root) - base_bytes
    record_property("megabytes_beyond_base", round(beyond / 1e6))
    assert 0 < beyond < LIMIT_BYTES, f"{beyond / 1e6:.0f} MB beyond the base"


def test_it_says_how_it_is_run(config: ImageConfig) -> None:
    assert config.command == ["imagefaulty", "serve"]
    assert config.ports == {"9090/tcp"}
    assert 0 not in config.user
    assert config.health_check[0] == "CMD"
    assert "/livez" in config.health_check[-1]


def test_it_holds_the_pinned_versions_and_nothing_else(store: ImageStore, container: tuple[str, Path]) -> None:
    wanted = {
        name: next(iter(pin.specifier)).version for name, pin in pins(REPOSITORY / "requirements/runtime.txt").items()
    }
    held = json.loads(store.run(container[0], ["/opt/imagefaulty/bin/python", "-c", _VERSIONS]))
    found = {name.lower().replace("_", "-"): version for name, version in held.items()}
    assert found.pop("imagefaulty")
    assert found == wanted


def test_nothing_of_the_builder_stays(store: ImageStore, root: Path) -> None:
    assert not (root / "etc" / "pip.conf").exists()
    assert not (root / "source").exists()
    assert not (root / "root" / ".cache").exists()
    told = store.history(NAME)
    assert "index" not in told
    assert "://" not in told.replace("http://127.0.0.1", "")


def test_it_inspects_a_file_as_the_user_of_the_image(
    store: ImageStore, container: tuple[str, Path], tmp_path: Path, config: ImageConfig
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "scan.jpg").write_bytes(page())
    mounts = [f"{tmp_path}:/scans:ro"]
    printed = store.run(container[0], ["imagefaulty", "inspect", "scan.jpg", "--format", "jsonl"], mounts=mounts)
    assert json.loads(printed)["error"] is None
    assert store.run(container[0], ["id", "-u"]).strip() == str(config.user[0])


def test_the_server_lives_and_wants_its_password(server: ServerProcess) -> None:
    assert httpx2.get(f"{server.url}/livez").json() == {"status": "alive"}
    assert httpx2.get(f"{server.url}/health").status_code == httpx2.codes.UNAUTHORIZED
    assert httpx2.get(f"{server.url}/health", auth=("u", "p")).json()["status"] == "UP"


def test_the_server_answers_predict(server: ServerProcess, labelling_config: str) -> None:
    image = "data:image/jpeg;base64," + base64.b64encode(page()).decode()
    body = {"tasks": [{"id": 1, "data": {"image": image}}], "project": "1.1", "label_config": labelling_config}
    answer = httpx2.post(f"{server.url}/predict", json=body, auth=("u", "p"), timeout=60)
    assert answer.status_code == httpx2.codes.OK
    (prediction,) = answer.json()["results"]
    assert {result["from_name"] for result in prediction["result"]} == {"writing_type", "post_it", "corner", "empty"}


def test_the_server_is_nobody_and_can_become_nobody_else(server: ServerProcess, config: ImageConfig) -> None:
    lines = Path(f"/proc/{process_one(server)}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    assert {int(number) for number in status["Uid"].split()} == {config.user[0]}
    assert {int(number) for number in status["Gid"].split()} == {config.user[1]}
    assert [int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")] == [0, 0, 0]
    assert status["NoNewPrivs"].strip() == "1"
    assert status["NSpid"].split()[-1] == "1"


def test_the_server_sees_a_read_only_root(server: ServerProcess, root: Path, config: ImageConfig) -> None:
    mounts = Path(f"/proc/{process_one(server)}/mountinfo").read_text().splitlines()
    options = {line.split()[4]: line.split()[5].split(",") for line in mounts}
    assert "ro" in options["/"]
    folders = ["/", "/tmp", "/var/tmp", "/dev", "/scans", "/models", "/opt/imagefaulty"]  # noqa: S108 - of the image
    command = read_only(root, config, ["python", "-c", _WRITE, *folders])
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert set(said.values()) == {errno.errorcode[errno.EROFS]}, said


def test_the_health_check_tells_the_living_from_the_dead(
    server: ServerProcess, root: Path, config: ImageConfig
) -> None:
    check = config.health_check[1:]
    living = {"PORT": server.url.rsplit(":", 1)[1]}
    dead = {"PORT": str(free_port())}
    assert subprocess.run(read_only(root, config, check, environment=living), check=False).returncode == 0
    done = subprocess.run(read_only(root, config, check, environment=dead), check=False, capture_output=True)
    assert done.returncode == 1


def test_it_ends_when_it_is_told_to(root: Path, config: ImageConfig) -> None:
    port = free_port()
    command = read_only(root, config, config.command, environment={"PORT": str(port), "HOST": "127.0.0.1"})
    with ServerProcess("container-end", command, f"http://127.0.0.1:{port}", health="/livez") as running:
        os.kill(process_one(running), signal.SIGTERM)
        running.wait(10)  # the patience of a container engine
        assert "Traceback" not in running.log_text()


@pytest.fixture(scope="module")
def demo(store: ImageStore) -> Iterator[ServerProcess]:
    """The image of the demo, with what docker/up.gradio@cpu and every engine give it to write to."""
    store.build(DEMO, requirements="demo")
    name, root = store.unpack(DEMO)
    config, service = store.config(DEMO), services(FOLDER / "up.gradio@cpu")["demo"]
    port = free_port()
    command = [config.command[0], "demo", "--port", str(port)]
    scratch = [*service["tmpfs"], "/dev/shm"]  # noqa: S108 - of the container
    entered = read_only(root, config, command, environment=service["environment"], scratch=scratch)
    with ServerProcess("container-demo", entered, f"http://127.0.0.1:{port}", health="/") as running:
        yield running
        os.kill(process_one(running), signal.SIGKILL)
        running.wait(15)
    store.remove(containers=[name], images=[DEMO])


def test_the_demo_answers_and_shows_where(demo: ServerProcess) -> None:
    with httpx2.Client(base_url=f"{demo.url}/gradio_api", timeout=60) as client:
        (path,) = client.post("/upload", files={"files": ("scan.jpg", page())}).raise_for_status().json()
        question = [{"path": path, "meta": {"_type": "gradio.FileData"}}, "corner"]
        event = client.post("/call/look", json={"data": question}).raise_for_status().json()["event_id"]
        stream = client.get(f"/call/look/{event}").raise_for_status().text
    assert "event: complete" in stream, stream
    (data,) = (line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ["))
    *answers, picture = json.loads(data)
    assert [len(answer["confidences"]) for answer in answers] == [3, 2, 2, 2]
    assert picture["path"].startswith("/tmp/")  # noqa: S108 - of the container
