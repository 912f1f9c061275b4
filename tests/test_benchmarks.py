"""The benchmark runs, and its reference graphs are the networks that they claim to be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from PIL import Image

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


def test_benchmark_prints_ratios(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.jpg"
    Image.effect_noise((1240, 1754), 40).convert("RGB").save(page)
    main(["--rounds", "1", "--bundle", str(tiny_bundle(tmp_path / "tiny")), "--page", str(page), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["times_faster_than_reference"] > 1
    assert set(report["ours_ms"]) == set(report["reference_ms"]) == {"decode", "resize", "network", "all"}
