from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagefaulty import Inspector
from imagefaulty.bundle import MANIFEST, load_bundle
from imagefaulty.conversion import convert, fit_temperature, negative_log_likelihood, read_labelled
from imagefaulty.errors import SettingsError
from tests.bundles import tiny_bundle
from tests.published_models import write_published


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Twelve flat pages; the labels of corner are drawn by lot, so that no model can be sure of them."""
    random = np.random.default_rng(3)
    folder = tmp_path / "pages"
    folder.mkdir()
    rows = []
    for index in range(12):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        Image.new("RGB", (300, 400), colour).save(folder / f"{index}.png")
        label = ("ok", "folded_corner")[int(random.integers(2))]
        rows.append({"file": f"{index}.png", "corner": label, "empty": "ok" if index % 2 else "", "source": "drawn"})
    return _write(folder / "manifest.csv", rows)


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_converted_bundle_stands_alone_and_is_calibrated(tmp_path: Path, table: Path) -> None:
    source = write_published(tmp_path / "dalai")
    bundle = convert(source, tmp_path / "own", labelled=table, published={})
    assert bundle == load_bundle(tmp_path / "own")
    assert {graph.directory for graph in bundle.graphs} == {None}
    corner = bundle.checks["corner"]
    assert corner.temperature != 1.0
    assert corner.metrics["calibration"]["pages"] == 12
    assert corner.metrics["calibration"]["nll_after"] <= corner.metrics["calibration"]["nll_before"]
    assert bundle.checks["empty"].metrics["calibration"]["pages"] == 6, "an empty cell means not known"
    assert bundle.checks["post_it"].temperature == 1.0, "nobody labelled it"
    assert bundle.model_version != load_bundle(source).model_version


def test_conversion_changes_probabilities_and_no_label(tmp_path: Path, table: Path) -> None:
    source = write_published(tmp_path / "dalai")
    convert(source, tmp_path / "own", labelled=table, published={})
    page = table.parent / "3.png"
    before, after = Inspector.load(source).inspect(page), Inspector.load(tmp_path / "own").inspect(page)
    for check, answer in before.answers.items():
        assert after.answers[check].label == answer.label
    assert after.answers["corner"].confidence != before.answers["corner"].confidence


def test_without_labelled_pages_temperatures_stay(tmp_path: Path) -> None:
    bundle = convert(write_published(tmp_path / "dalai"), tmp_path / "own", labelled=None, published={})
    assert {spec.temperature for spec in bundle.checks.values()} == {1.0}


def test_a_mixed_bundle_becomes_a_single_one(tmp_path: Path) -> None:
    own = convert(write_published(tmp_path / "dalai", "corner"), tmp_path / "own", labelled=None, published={})
    tiny_bundle(tmp_path / "tiny")
    manifest = json.loads((own.directory / MANIFEST).read_text())
    (own.directory / MANIFEST).write_text(json.dumps(manifest | {"extends": "../tiny"}))
    single = convert(own.directory, tmp_path / "single", labelled=None, published={})
    assert single.extends is None
    assert tuple(single.checks) == tuple(load_bundle(own.directory).checks)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SettingsError, match="cannot be written to"):
        convert(write_published(tmp_path / "dalai"), tmp_path / "file" / "own", labelled=None, published={})


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    source = write_published(tmp_path / "dalai")
    with pytest.raises(SettingsError, match="is not an empty folder"):
        convert(source, source, labelled=None, published={})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"file": "0.png", "corner": "torn"}, r"line 2: 'torn' is not a class of corner; use ok, folded_corner"),
        ({"path": "0.png", "corner": "ok"}, "has no column 'file'"),
    ],
)
def test_a_table_with_a_fault_is_refused(tmp_path: Path, row: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_labelled(_write(tmp_path / "t.csv", [row]), ("corner",))


def test_pages_that_cannot_be_read_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = write_published(tmp_path / "dalai", "corner")
    table = _write(tmp_path / "t.csv", [{"file": "nowhere.png", "corner": "ok"}])
    with pytest.raises(SettingsError, match="none of the labelled pages could be used"):
        convert(source, tmp_path / "own", labelled=table, published={})
    assert "nowhere.png" in caplog.text


@given(st.integers(2, 3), st.floats(0.2, 6.0), st.integers(0, 1000))
def test_the_fitted_temperature_is_no_worse_than_any_other(classes: int, truth: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.standard_normal((200, classes)) * 3
    shares = np.exp(logits / truth)
    shares /= shares.sum(axis=1, keepdims=True)
    codes = np.array([random.choice(classes, p=share) for share in shares])
    fitted = negative_log_likelihood(logits, codes, fit_temperature(logits, codes))
    for other in (0.1, 0.5, 1.0, truth, 3.0, 15.0):
        assert fitted <= negative_log_likelihood(logits, codes, other) + 1e-9


def test_a_known_temperature_is_found_again() -> None:
    random = np.random.default_rng(0)
    logits = random.standard_normal((20_000, 3)) * 4
    shares = np.exp(logits / 2.5)
    shares /= shares.sum(axis=1, keepdims=True)
    codes = (random.random((20_000, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(logits, codes) == pytest.approx(2.5, rel=0.05)


def test_a_model_that_is_always_right_gets_the_coldest_temperature() -> None:
    assert fit_temperature(np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([0, 1])) == pytest.approx(0.05, rel=0.01)
    assert fit_temperature(np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([1, 0])) == pytest.approx(20, rel=0.01)


def test_the_commands_verify_and_convert(tmp_path: Path, table: Path) -> None:
    source = write_published(tmp_path / "dalai")
    assert "whole" in _output("bundle", "verify", str(source))
    out = _output("bundle", "convert", str(source), str(tmp_path / "own"), "--labelled", str(table))
    assert "temperature" in out
    assert "dalai" in _output("bundle", "show", str(tmp_path / "own"))
    (tmp_path / "own" / "corner_model.onnx").write_bytes(b"")
    done = _run("bundle", "verify", str(tmp_path / "own"))
    assert done.returncode == 3
    assert "corner_model.onnx: altered or truncated" in done.stderr


def test_models_can_be_named_by_flag_and_by_environment(tmp_path: Path, table: Path) -> None:
    source = write_published(tmp_path / "dalai", "corner")
    (source / "corner_model.onnx").rename(source / "kulma.onnx")
    page = str(table.parent / "0.png")
    environment = {**os.environ, "CORNER_MODEL": "kulma.onnx"}
    by_flag = _run("inspect", page, "--models", str(source), "--format", "json", environment=environment)
    by_name = _run("inspect", page, "--format", "json", environment={**environment, "MODEL_PATH": str(source)})
    assert by_flag.returncode == by_name.returncode == 0, by_flag.stderr
    assert by_flag.stdout == by_name.stdout
    assert list(json.loads(by_flag.stdout)[0]["answers"]) == ["corner"]


def _run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imagefaulty", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def _output(*arguments: str) -> str:
    done = _run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout
