import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from imagefaulty import __version__, cli
from tests.bundles import tiny_bundle


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    Image.new("RGB", (300, 400), "white").save(folder / "blank.png")
    Image.new("RGB", (300, 400), "black").save(folder / "folded.png")
    (folder / "notes.txt").write_text("not a page")
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imagefaulty", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=os.environ | (env or {}), check=False
    )


def test_json_lines_hold_one_finding_each(folder: Path, bundle: Path) -> None:
    done = run("inspect", folder, "--format", "jsonl", "--bundle", bundle)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(each["source"]).name for each in found] == ["blank.png", "folded.png"]
    assert [each["answers"]["empty"]["label"] for each in found] == ["empty", "ok"]


def test_json_is_one_list(folder: Path, bundle: Path) -> None:
    done = run("inspect", folder / "blank.png", folder / "folded.png", "--format", "json", "--bundle", bundle)
    assert len(json.loads(done.stdout)) == 2


def test_csv_has_a_header_and_a_row_a_page(folder: Path, bundle: Path) -> None:
    done = run("inspect", folder, "--format", "csv", "--bundle", bundle, "--checks", "empty,corner")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["corner"] for row in rows] == ["ok", "folded_corner"]
    assert "post_it" not in rows[0]


def test_the_table_shows_pages_and_marks_faults(folder: Path, bundle: Path) -> None:
    done = run("inspect", folder, "--bundle", bundle)
    assert "blank.png" in done.stdout
    assert "folded_corner 1" in done.stdout
    assert done.stderr == ""


def test_the_bundle_may_come_from_the_environment(folder: Path, bundle: Path) -> None:
    done = run("inspect", folder / "blank.png", "--format", "json", env={"MODEL_DIR": str(bundle)})
    assert json.loads(done.stdout)[0]["provenance"]["model"]["bundle"] == "tiny"


def test_a_bad_file_fails_the_command_and_spares_the_others(folder: Path, bundle: Path) -> None:
    done = run("inspect", folder / "notes.txt", folder / "blank.png", "--format", "jsonl", "--bundle", bundle)
    assert done.returncode == 4
    assert [json.loads(line)["error"] is None for line in done.stdout.splitlines()] == [False, True]
    assert "notes.txt" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--checks", "corners"], 2, "unknown check 'corners'"),
        (["--workers", "0"], 2, "--workers must be at least 1"),
        (["--max-image-pixels", "0"], 2, "--max-image-pixels must be at least 1"),
        (["--bundle", "nowhere"], 3, "no such directory"),
    ],
)
def test_a_wrong_argument_is_one_line_on_stderr(folder: Path, arguments: list[str], status: int, message: str) -> None:
    done = run("inspect", folder / "blank.png", *arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_folder_without_pages_says_what_it_looks_for(tmp_path: Path, bundle: Path) -> None:
    done = run("inspect", tmp_path, "--bundle", bundle)
    assert done.returncode == 2
    assert "no images or documents" in done.stderr


def test_an_empty_folder_is_told_before_anything_is_printed(folder: Path, bundle: Path, tmp_path: Path) -> None:
    done = run("inspect", *[folder] * 9, tmp_path, "--format", "json", "--bundle", bundle, "--workers", "1")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_any_name_is_printed_in_any_locale(folder: Path, bundle: Path, tmp_path: Path, form: str) -> None:
    for name in (b"\xe6\xbc\xa2.png", b"lat\xe4in.png"):
        (tmp_path / os.fsdecode(name)).write_bytes((folder / "blank.png").read_bytes())
    command = [sys.executable, "-m", "imagefaulty", "inspect", str(tmp_path), "--format", form, "--bundle", str(bundle)]
    env = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, timeout=60, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert ("漢" if form != "table" else "\\u6f22") in done.stdout.decode("utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_on_stderr(folder: Path, bundle: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [
            sys.executable,
            "-m",
            "imagefaulty",
            "inspect",
            str(folder),
            "--format",
            "csv",
            "--bundle",
            str(bundle),
        ]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 74
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


def test_an_error_of_ours_is_one_line_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_arguments: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 70
    said = capsys.readouterr().err
    assert "RuntimeError at test_cli.py" in said
    assert "a secret" not in said


def test_limits_come_from_the_environment(folder: Path, bundle: Path) -> None:
    done = run("inspect", folder / "blank.png", "--bundle", bundle, env={"MAX_IMAGE_PIXELS": "1000"})
    assert done.returncode == 4
    assert "MAX_IMAGE_PIXELS" in done.stderr


def test_sizes_are_written_as_for_the_service(folder: Path, bundle: Path) -> None:
    page = folder / "blank.png"
    assert run("inspect", page, "--bundle", bundle, env={"MAX_IMAGE_BYTES": "1MiB"}).returncode == 0
    assert "more than the 10 allowed" in run("inspect", page, "--bundle", bundle, "--max-image-bytes", "10B").stderr
    wrong = run("inspect", page, "--bundle", bundle, env={"MAX_IMAGE_BYTES": "much"})
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


def test_bundle_show_prints_what_is_in_it(bundle: Path) -> None:
    done = run("bundle", "show", bundle)
    assert done.returncode == 0
    assert "tiny-1.0-" in done.stdout
    assert "empty: temperature 1; balanced no<0.3 yes>=0.7" in done.stdout


def test_a_reader_that_leaves_early_is_no_error(folder: Path, bundle: Path) -> None:
    command = f"{sys.executable} -m imagefaulty inspect {folder} {folder} --format jsonl --bundle {bundle} | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_version_is_the_packages() -> None:
    assert run("--version").stdout.strip() == __version__


def test_every_command_is_documented(repository: Path) -> None:
    text = (repository / "docs" / "command-line.md").read_text()
    for command in ("inspect", "serve", "bundle show"):
        assert f"imagefaulty {command}" in text
    for flag in ("--format", "--checks", "--evidence", "--bundle", "--operating-point", "--workers"):
        assert flag in text
    assert cli.__doc__ is not None
