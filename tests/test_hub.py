import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from imagefaulty.errors import SettingsError, SourceUnreachable
from imagefaulty.hub import HubReference, parse_reference, pull
from tests.hub_server import Hub, serving
from tests.published_models import write_published

pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    home = write_published(tmp_path / "repository")
    files = {path.name: path.read_bytes() for path in home.iterdir()} | {
        "README.md": b"# Four graphs\n",
        "train.py": b"raise SystemExit('code of a repository is none of our business')\n",
    }
    with serving(Hub("somebody/image-faulty", files, revisions=("main", "v1"))) as server:
        yield server


def _pull(hub: Hub, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The address of the hub is read when its library is imported, so each pull is a process."""
    return subprocess.run(
        [sys.executable, "-m", "imagefaulty", "bundle", "pull", *arguments],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_pulled_bundle_is_verified_and_its_folder_is_printed(hub: Hub, tmp_path: Path) -> None:
    done = _pull(hub, tmp_path / "hf", "hf:somebody/image-faulty")
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert (folder / "corner_model.onnx").is_file()
    assert "answers writing_type, post_it, corner, empty" in done.stderr
    assert not (folder / "train.py").exists(), "only the model is fetched"


def test_a_revision_can_be_asked_for_and_a_folder_named(hub: Hub, tmp_path: Path) -> None:
    done = _pull(hub, tmp_path / "hf", "hf:somebody/image-faulty@v1", "--to", str(tmp_path / "here"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "here")
    assert (tmp_path / "here" / "empty_v5_24_08_23.onnx").is_file()
    assert any("/revision/v1" in asked or "/tree/v1" in asked for asked in hub.asked)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("hf:somebody/image-faulty@v9", "the hub has no such revision"),
        ("hf:somebody/nothing", "the hub has no such repository"),
    ],
)
def test_what_the_hub_does_not_have_is_said_in_one_line(hub: Hub, tmp_path: Path, reference: str, message: str) -> None:
    done = _pull(hub, tmp_path / "hf", reference)
    assert done.returncode == 4
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_download_that_breaks_off_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object, **__: object) -> str:
        raise httpx2.ReadError("https://hub.example/?token=secret")

    monkeypatch.setattr("huggingface_hub.snapshot_download", broken)
    with pytest.raises(SourceUnreachable, match="broke off") as caught:
        pull(HubReference("somebody/image-faulty"), target=tmp_path)
    assert "secret" not in caught.value.message


def test_a_refused_token_is_not_told(hub: Hub, tmp_path: Path) -> None:
    hub.token = "hf_right"
    done = _pull(hub, tmp_path / "hf", "hf:somebody/image-faulty", HF_TOKEN="hf_wrongwrong")
    assert done.returncode == 4
    assert "HF_TOKEN" in done.stderr
    assert "hf_wrongwrong" not in done.stderr + done.stdout
    done = _pull(hub, tmp_path / "hf", "hf:somebody/image-faulty", HF_TOKEN="hf_right")
    assert done.returncode == 0, done.stderr


def test_a_hub_that_is_away_is_said_so(tmp_path: Path) -> None:
    hub = Hub("somebody/image-faulty", {}, url="http://127.0.0.1:9")
    done = _pull(hub, tmp_path / "hf", "hf:somebody/image-faulty")
    assert done.returncode == 4
    assert "HF_ENDPOINT" in done.stderr or "try again" in done.stderr


def test_a_repository_without_a_bundle_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.files = {"README.md": b"nothing here"}
    done = _pull(hub, tmp_path / "hf", "hf:somebody/image-faulty")
    assert done.returncode == 3
    assert "no bundle.json in it" in done.stderr


def test_references_are_read_strictly() -> None:
    assert parse_reference("hf:a/b") == HubReference("a/b")
    assert parse_reference("hf:a.x/b-c@refs/pr/1") == HubReference("a.x/b-c", "refs/pr/1")
    for wrong in ("a/b", "hf:a", "hf:a/b@", "hf:a/b/c", "https://huggingface.co/a/b"):
        with pytest.raises(SettingsError, match=r"write hf:OWNER/NAME"):
            parse_reference(wrong)
