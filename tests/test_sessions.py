"""Which file of a graph is run, and where."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import onnxruntime as ort
import pytest

from imagefaulty._sessions import Session, probe
from imagefaulty.bundle import Bundle, Fallback, default_directory, load_bundle, write_manifest
from imagefaulty.conversion import convert
from imagefaulty.errors import BundleDamaged, SettingsError
from imagefaulty.network import Network
from tests.bundles import tiny_bundle

if TYPE_CHECKING:
    from pathlib import Path

SPARE = "tiny-fp32.onnx"


def with_fallback(home: Path, *, off_by: float) -> Bundle:
    """The tiny bundle with a second file; its probe is off by that much from what the first file answers."""
    bundle = load_bundle(tiny_bundle(home))
    shutil.copyfile(home / "tiny.onnx", home / SPARE)
    session = ort.InferenceSession(str(home / "tiny.onnx"), providers=["CPUExecutionProvider"])
    logits = probe(session, bundle.graphs[0])
    recorded = {check: tuple(each + off_by for each in row) for check, row in logits.items()}
    graph = replace(bundle.graphs[0], fallback=Fallback(SPARE, "", recorded))
    write_manifest(replace(bundle, graphs=(graph,)))
    return load_bundle(home)


def test_graph_that_answers_as_recorded_is_run(tmp_path: Path) -> None:
    assert Network(with_fallback(tmp_path, off_by=0.05)).files == ("tiny.onnx",)


def test_graph_that_this_processor_computes_wrongly_gives_way_to_single_precision(tmp_path: Path) -> None:
    assert Network(with_fallback(tmp_path, off_by=2.0)).files == (SPARE,)


def test_embedded_graph_in_eight_bits_is_computed_right_wherever_the_tests_run() -> None:
    """On processors without VNNI the logits of others are off by 2.9 in the mean, for their sums do not fit 16 bits."""
    assert Network(load_bundle(default_directory())).files == ("pages.onnx",)


def test_bundle_without_fallback_runs_its_file(tmp_path: Path) -> None:
    assert Network(load_bundle(tiny_bundle(tmp_path))).files == ("tiny.onnx",)


def test_altered_fallback_is_refused(tmp_path: Path) -> None:
    with_fallback(tmp_path, off_by=0.0)
    (tmp_path / SPARE).write_bytes(b"something else")
    with pytest.raises(BundleDamaged, match=SPARE):
        load_bundle(tmp_path)


def test_converted_bundle_keeps_its_fallback(tmp_path: Path) -> None:
    with_fallback(tmp_path / "a", off_by=2.0)
    converted = convert(tmp_path / "a", tmp_path / "b", labelled=None, published={})
    assert Network(converted).files == ("plain-tiny.onnx",)


@pytest.mark.parametrize("provider", ["cuda", "openvino"])
def test_provider_that_is_not_installed_is_named_with_its_cure(tmp_path: Path, provider: str) -> None:
    names = {"cuda": "CUDAExecutionProvider", "openvino": "OpenVINOExecutionProvider"}
    if names[provider] in ort.get_available_providers():
        pytest.skip(f"{names[provider]} is here")
    bundle = load_bundle(tiny_bundle(tmp_path))
    with pytest.raises(SettingsError, match=f"{names[provider]}.*install onnxruntime-"):
        Session(bundle, bundle.graphs[0], threads=1, provider=provider)  # type: ignore[arg-type]


def test_unknown_provider_is_refused(tmp_path: Path) -> None:
    bundle = load_bundle(tiny_bundle(tmp_path))
    with pytest.raises(SettingsError, match="'abacus'"):
        Session(bundle, bundle.graphs[0], threads=1, provider="abacus")  # type: ignore[arg-type]
