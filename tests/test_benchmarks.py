"""The benchmark runs, and its reference graphs are the networks that they claim to be."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from PIL import Image

from benchmarks import history
from benchmarks.__main__ import main
from benchmarks.page import A4_300_DPI, TARGET_BYTES, encoded
from benchmarks.reference import ReferencePipeline
from benchmarks.reference_models import densenet121, reference_models, resnet18
from tests.bundles import tiny_bundle

if TYPE_CHECKING:
    from pathlib import Path


def parameters(model: bytes) -> int:
    """Trained numbers in a serialised graph: all weights but the running statistics of normalisation."""
    weights = {each.name: int(np.prod(each.dims)) for each in onnx.load_from_string(model).graph.initializer}
    statistics = [node.input[3:] for node in onnx.load_from_string(model).graph.node if len(node.input) == 5]
    return sum(weights.values()) - sum(weights[name] for names in statistics for name in names)


def test_densenet_has_the_parameters_of_the_paper_s_network() -> None:
    assert parameters(densenet121(1000)) == 7_978_856


def test_resnet_has_the_parameters_of_the_paper_s_network() -> None:
    assert parameters(resnet18(1000)) == 11_689_512


def test_reference_pipeline_answers_with_probabilities() -> None:
    pipeline = ReferencePipeline(reference_models())
    answers = pipeline.run(pipeline.resize(Image.new("RGB", (300, 400), "white")))
    assert {check: shares.shape for check, shares in answers.items()} == {
        "post_it": (2,),
        "corner": (2,),
        "empty": (2,),
        "writing_type": (3,),
    }
    assert all(shares.sum() == pytest.approx(1) for shares in answers.values())


def test_page_is_a4_at_300_dpi_and_weighs_what_scans_weigh() -> None:
    drawn = Image.effect_noise((620, 877), 40).convert("RGB")
    data = encoded(drawn)
    assert len(data) == pytest.approx(TARGET_BYTES, rel=0.15)
    assert data.count(b"JFIF") == 1
    assert A4_300_DPI == (2480, 3508)


def quick(*arguments: str) -> list[str]:
    return ["--quick", "--only", "pages", *arguments]


def drawn(folder: Path) -> str:
    Image.effect_noise((1240, 1754), 40).convert("RGB").save(folder / "page.jpg")
    return str(folder / "page.jpg")


def test_benchmark_compares_every_format_with_floor_and_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = str(tiny_bundle(tmp_path / "tiny"))
    assert main(quick("--bundle", bundle, "--page", drawn(tmp_path), "--json")) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert len(rows) == 10
    assert set(rows["colour JPEG"]["ratios"]) == {"floor", "backend", "api"}
    assert set(rows["PDF of one scan"]["ratios"]) == {"floor"}
    assert rows["LZW TIFF"]["ratios"]["backend"] > 1


def test_all_cores_work_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(tiny_bundle(tmp_path / "tiny"))
    assert main(["--quick", "--only", "cores", "--bundle", bundle, "--page", drawn(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == 2
    assert all(row["by_clock"] and f"on {os.cpu_count()} cores" in row["name"] for row in rows)


def test_help_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "fail where a ratio fell by 15 % since the last kept run" in " ".join(capsys.readouterr().out.split())


def test_servers_and_processes_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(tiny_bundle(tmp_path / "tiny"))
    assert main(["--quick", "--only", "processes", "folder", "--bundle", bundle, "--page", drawn(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for name in (
        "cold inspect",
        "server ready",
        "/predict of 3 tasks",
        "MB resident",
        "million pages a day",
        "2 workers",
    ):
        assert name in printed


def test_kept_run_is_the_baseline_of_the_next(tmp_path: Path) -> None:
    report = {"rows": [{"name": "grey JPEG", "ratios": {"floor": 0.5, "backend": 10.0}}]}
    history.record(report, tmp_path)
    assert history.latest(tmp_path) == report
    slower = {"rows": [{"name": "grey JPEG", "ratios": {"floor": 0.44, "backend": 8.4}}, {"name": "new", "ratios": {}}]}
    assert list(history.fallen(slower, report)) == ["grey JPEG: backend/ours fell from 10 to 8.4"]


def test_runs_are_compared_with_those_of_the_same_machine(tmp_path: Path) -> None:
    for number, cpu in enumerate(("mine", "other")):
        run = {"page": "a page", "machine": {"cpu": cpu, "cores": 2}}
        (tmp_path / f"{number}.json").write_text(json.dumps(run))
    report = {"page": "a page", "machine": {"cpu": "mine", "cores": 2}}
    assert history.baseline(report, tmp_path) == report
    elsewhere = {"page": "a page", "machine": {"cpu": "third", "cores": 2}}
    assert history.baseline(elsewhere, tmp_path) == history.latest(tmp_path)


def test_check_without_a_kept_run_says_how_to_keep_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--record"):
        history.latest(tmp_path)
