import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from benchmarks.reference_models import reference_models
from imagefaulty import Inspector
from imagefaulty.bundle import EMBEDDED, MANIFEST, load_bundle, write_manifest
from imagefaulty.checks import CHECK_NAMES, check_named
from imagefaulty.errors import BundleDamaged, BundleNotFound
from imagefaulty.network import Network, prepare
from imagefaulty.pages import open_document
from imagefaulty.published import PUBLISHED, names_from
from tests.bundles import tiny_bundle
from tests.published_models import tiny_graph, write_published
from tests.reference_tensors import STEP, STORED, drawn_page, tensor


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_published(tmp_path / "models")


def _png(page: Image.Image) -> bytes:
    buffer = io.BytesIO()
    page.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def test_the_four_files_are_a_bundle_that_answers_every_check(home: Path) -> None:
    bundle = load_bundle(home)
    assert tuple(bundle.checks) == CHECK_NAMES
    assert bundle.model_version.startswith("dalai-published-")
    assert {graph.input.decode for graph in bundle.graphs} == {"full"}
    assert Network(bundle).page_size is None


def test_the_input_equals_the_stored_tensors_of_the_published_preprocessing(home: Path) -> None:
    bundle = load_bundle(home)
    stored = np.load(STORED)
    with open_document(_png(drawn_page())) as document:
        page = document.page(0, at_least=Network(bundle).page_size)
    for graph in bundle.graphs:
        check = next(iter(graph.outputs))
        values, _ = prepare(page.pixels, graph.input)
        assert values.dtype == np.float32
        assert values.shape == (1, 3, 224, 224)
        np.testing.assert_allclose(values[..., ::STEP, ::STEP], stored[check], rtol=0, atol=1e-6)


@pytest.mark.parametrize("check", CHECK_NAMES)
def test_the_stored_tensors_are_what_their_script_computes(check: str) -> None:
    np.testing.assert_array_equal(np.load(STORED)[check], tensor(drawn_page(), check)[..., ::STEP, ::STEP])


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_is_decoded_in_full_before_it_is_resized(home: Path, mode: str) -> None:
    buffer = io.BytesIO()
    drawn_page().convert(mode).save(buffer, "JPEG", quality=80)
    bundle = load_bundle(home)
    with open_document(buffer.getvalue()) as document:
        page = document.page(0, at_least=Network(bundle).page_size)
    with Image.open(buffer) as image:
        for graph in bundle.graphs:
            values, _ = prepare(page.pixels, graph.input)
            np.testing.assert_allclose(values, tensor(image, next(iter(graph.outputs))), rtol=0, atol=1e-6)


def test_empty_is_answered_in_wire_order_although_the_graph_has_it_reversed(tmp_path: Path) -> None:
    home = write_published(tmp_path, "empty")
    data = _png(drawn_page())
    model = onnx.load(home / PUBLISHED["empty"].file)
    raw = _linear(model, tensor(drawn_page(), "empty"))
    finding = Inspector.load(home).inspect(data)
    assert list(finding.answers) == ["empty"]
    powers = np.exp(raw - raw.max())
    answer = finding.answers["empty"]
    assert answer.probabilities["empty"] == pytest.approx(float(powers[0] / powers.sum()), abs=1e-5)
    assert answer.code == 1 - int(raw.argmax())


def _linear(model: onnx.ModelProto, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The tiny graph in numpy."""
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0])
    cells = values.reshape(1, 3, 7, 32, 7, 32).mean(axis=(3, 5)).reshape(1, -1)
    logits: NDArray[np.float32] = (cells @ weights.T)[0]
    return logits


def test_what_is_missing_leaves_the_others_in_service(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = write_published(tmp_path, "corner", "writing_type")
    assert tuple(load_bundle(home).checks) == ("writing_type", "corner")
    assert "no file for post_it, empty" in caplog.text


def test_files_may_have_other_names(home: Path) -> None:
    (home / PUBLISHED["corner"].file).rename(home / "kulma.onnx")
    names = names_from({"CORNER_MODEL": "kulma.onnx", "EMPTY_MODEL": "", "HOME": "/"})
    assert names == {"corner": "kulma.onnx"}
    bundle = load_bundle(home, published=names)
    assert tuple(bundle.checks) == CHECK_NAMES
    with pytest.raises(BundleNotFound, match=r"elsewhere\.onnx: no such file; correct CORNER_MODEL"):
        load_bundle(home, published={"corner": "elsewhere.onnx"})


def test_input_and_output_names_come_from_the_file(tmp_path: Path) -> None:
    bundle = load_bundle(write_published(tmp_path, input_name="modelInput"))
    assert {graph.input.name for graph in bundle.graphs} == {"modelInput"}
    assert {output.name for graph in bundle.graphs for output in graph.outputs.values()} == {"answer"}


def test_the_model_version_follows_the_files(home: Path) -> None:
    before = load_bundle(home).model_version
    assert load_bundle(home).model_version == before
    onnx.save(tiny_graph(2, seed=99), home / PUBLISHED["corner"].file)
    assert load_bundle(home).model_version != before


def test_a_file_that_is_no_graph_of_that_kind_is_refused_by_name(home: Path) -> None:
    onnx.save(tiny_graph(3), home / PUBLISHED["corner"].file)
    with pytest.raises(BundleDamaged, match=r"corner_model\.onnx: its output has 3 classes, but corner has 2"):
        load_bundle(home)
    (home / PUBLISHED["corner"].file).write_bytes(b"no graph")
    with pytest.raises(BundleDamaged, match=r"corner_model\.onnx: is not an ONNX graph that loads") as caught:
        load_bundle(home)
    assert "\n" not in caught.value.message


def test_a_manifest_beside_the_files_comes_first(home: Path) -> None:
    tiny_bundle(home)
    assert load_bundle(home).name == "tiny"


def test_a_bundle_may_leave_checks_to_another(tmp_path: Path) -> None:
    own = _own_corner(tmp_path, extends="../tiny")
    tiny_bundle(tmp_path / "tiny")
    bundle = load_bundle(own)
    assert bundle.name == "own"
    assert tuple(bundle.checks) == CHECK_NAMES
    finding = Inspector(bundle).inspect(_png(Image.new("RGB", (300, 400), "yellow")))
    alone = Inspector.load(tmp_path / "tiny").inspect(_png(Image.new("RGB", (300, 400), "yellow")))
    assert finding.answers["post_it"].label == alone.answers["post_it"].label == "post-it"
    assert finding.answers["corner"].probabilities != alone.answers["corner"].probabilities


def test_what_a_mixed_bundle_leaves_out_keeps_no_evidence_of_that_name(tmp_path: Path) -> None:
    own = _own_corner(tmp_path, extends="../tiny")
    tiny_bundle(tmp_path / "tiny")
    channels = [graph.evidence.channels for graph in load_bundle(own).graphs if graph.evidence]
    assert channels == [("post_it", "corner@tiny")]


def test_the_version_of_a_mixed_bundle_follows_both_parts(tmp_path: Path) -> None:
    own = _own_corner(tmp_path, extends="../tiny")
    tiny_bundle(tmp_path / "tiny")
    before = load_bundle(own).model_version
    tiny_bundle(tmp_path / "tiny", version="1.1")
    assert load_bundle(own).model_version != before


def test_the_embedded_bundle_can_be_extended(tmp_path: Path) -> None:
    bundle = load_bundle(_own_corner(tmp_path, extends=EMBEDDED))
    assert tuple(bundle.checks) == CHECK_NAMES


def test_a_mixed_bundle_is_written_without_what_it_extends(tmp_path: Path) -> None:
    own = _own_corner(tmp_path, extends="../tiny")
    tiny_bundle(tmp_path / "tiny")
    bundle = load_bundle(own)
    before = (own / MANIFEST).read_text()
    write_manifest(bundle)
    assert (own / MANIFEST).read_text() == before


def test_a_bundle_that_extends_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleDamaged, match="extends itself"):
        load_bundle(_own_corner(tmp_path, extends="../own"))


def _own_corner(tmp_path: Path, *, extends: str) -> Path:
    """A bundle that answers corner only, made from the published graph of that check."""
    home = write_published(tmp_path / "own", "corner")
    graph = load_bundle(home).graphs[0]
    manifest = {
        "format": 1,
        "name": "own",
        "version": "1",
        "description": "",
        "extends": extends,
        "graphs": [
            {
                "file": graph.file,
                "sha256": graph.sha256,
                "input": {
                    "name": graph.input.name,
                    "width": 224,
                    "height": 224,
                    "layout": "nchw-float32",
                    "resize": "squash",
                    "filter": "bilinear",
                    "decode": "full",
                },
                "outputs": {"corner": {"name": "answer", "classes": ["ok", "folded_corner"]}},
            }
        ],
        "checks": {"corner": {"temperature": 1.0, "thresholds": {"balanced": {"no": 0.3, "yes": 0.7}}}},
    }
    (home / MANIFEST).write_text(json.dumps(manifest))
    if extends != EMBEDDED and (tmp_path / "own" / extends).resolve() != home.resolve():
        tiny_bundle(tmp_path / "tiny")
        write_manifest(load_bundle(home))
    return home


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["reference", "tiny"])
def test_the_four_graphs_decide_as_an_independent_implementation_on_fifty_pages(
    tmp_path: Path, shared_pages: Callable[[int], list[Path]], kind: str
) -> None:
    if kind == "tiny":  # these decide either way; the real architectures, with random weights, hardly do
        write_published(tmp_path)
    else:
        for check, model in reference_models().items():
            (tmp_path / PUBLISHED[check].file).write_bytes(model)
    sessions = {check: onnxruntime.InferenceSession(str(tmp_path / PUBLISHED[check].file)) for check in CHECK_NAMES}
    inspector = Inspector.load(tmp_path)
    pages = shared_pages(50)
    assert len(pages) == 50
    labels = set()
    for path in pages:
        finding = inspector.inspect(path)
        with Image.open(path) as image:
            for check, session in sessions.items():
                logits = session.run(None, {"input": tensor(image, check)})[0][0].astype(np.float64)
                code = 1 - int(logits.argmax()) if check == "empty" else int(logits.argmax())
                powers = np.exp(logits - logits.max())
                answer = finding.answers[check]
                assert answer.code == code
                assert answer.confidence == pytest.approx(float((powers / powers.sum()).max()), abs=1e-5)
                assert answer.label == check_named(check).class_names[code]
                labels.add((check, answer.label))
    assert kind == "reference" or len(labels) == 9, "every class of every check occurs"
