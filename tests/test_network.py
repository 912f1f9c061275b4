import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from imagefaulty import network as module
from imagefaulty.bundle import MANIFEST, InputSpec, load_bundle, write_manifest
from imagefaulty.errors import BundleDamaged
from imagefaulty.network import Network, prepare
from imagefaulty.pages import Page
from tests.bundles import HEIGHT, WIDTH, reversed_bundle, tiny_bundle


def _page(pixels: NDArray[np.uint8]) -> Page:
    height, width = pixels.shape[:2]
    return Page(pixels, index=0, count=1, original_size=(width, height), dpi=None, format="PNG", sha256="")


def _plain(red: int, green: int, blue: int) -> NDArray[np.uint8]:
    return np.full((100, 80, 3), (red, green, blue), np.uint8)


def test_logits_follow_the_colour_of_the_page(tmp_path: Path) -> None:
    network = Network(load_bundle(tiny_bundle(tmp_path)))
    scores = network.run(_page(_plain(255, 255, 255)))
    assert scores.logits["empty"].argmax() == 1
    assert scores.logits["corner"].argmax() == 0
    assert scores.embedding is not None
    np.testing.assert_allclose(scores.embedding, [1, 1, 1], atol=1e-6)


def test_logits_come_in_wire_order_whatever_the_order_in_the_graph(tmp_path: Path) -> None:
    page = _page(_plain(255, 255, 255))
    straight = Network(load_bundle(tiny_bundle(tmp_path / "a"))).run(page)
    swapped = Network(load_bundle(reversed_bundle(tmp_path / "b"))).run(page)
    np.testing.assert_array_equal(straight.logits["empty"], swapped.logits["empty"])


@pytest.mark.parametrize("size", [(1, 1), (5, 17), (448, 640), (447, 641), (100, 900), (620, 877), (1653, 2339)])
def test_pages_are_squashed_as_pillow_does_it_to_one_grey_level(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    pytest.importorskip("cykooz_resizer", reason="it has no wheels for this machine")
    spec = InputSpec(name="image", width=448, height=640)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    fast = prepare(pixels, spec)[0].astype(np.int16)
    monkeypatch.setattr(module, "_fast_resizer", lambda: None)
    slow = prepare(pixels, spec)[0].astype(np.int16)
    assert fast.shape == slow.shape == (1, spec.height, spec.width, 3)
    assert np.abs(fast - slow).max() <= 1
    assert (fast != slow).mean() < 0.01


def test_graphs_measured_with_pillow_get_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_fast_resizer", lambda: pytest.fail("asked for"))
    spec = InputSpec(name="image", width=448, height=640)
    pixels = _plain(10, 20, 30)
    others = (
        replace(spec, decode="full"),
        replace(spec, filter="bicubic"),
        replace(spec, resize="letterbox"),
        replace(spec, layout="nchw-float32"),
    )
    for other in others:
        prepare(pixels, other)


def test_only_the_wanted_checks_are_answered(tmp_path: Path) -> None:
    network = Network(load_bundle(tiny_bundle(tmp_path)), checks=["corner"])
    assert set(network.run(_page(_plain(0, 0, 0))).logits) == {"corner"}


def test_evidence_is_fetched_when_asked_for_and_lies_where_the_mark_lies(tmp_path: Path) -> None:
    pixels = _plain(200, 200, 200)
    pixels[:20, 60:] = 0
    network = Network(load_bundle(tiny_bundle(tmp_path)))
    assert not network.run(_page(pixels)).evidence
    logits = network.run(_page(pixels), evidence=True).evidence["corner"].logits
    assert logits.shape == (HEIGHT // 8, WIDTH // 8)
    assert np.unravel_index(logits.argmax(), logits.shape)[0] == 0
    assert np.unravel_index(logits.argmax(), logits.shape)[1] >= 4


@pytest.mark.parametrize("name", ["input", "output"])
def test_a_graph_without_a_named_tensor_is_refused(tmp_path: Path, name: str) -> None:
    home = tiny_bundle(tmp_path)
    manifest = json.loads((home / MANIFEST).read_text())
    graph = manifest["graphs"][0]
    (graph["input"] if name == "input" else graph["outputs"]["empty"])["name"] = "nothing"
    (home / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleDamaged, match=f"no {name} nothing"):
        Network(load_bundle(home))


def test_a_file_that_is_no_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    bundle = load_bundle(tiny_bundle(tmp_path))
    (tmp_path / "tiny.onnx").write_bytes(b"not a graph")
    write_manifest(bundle)
    with pytest.raises(BundleDamaged, match="does not load") as caught:
        Network(load_bundle(tmp_path))
    assert "\n" not in caught.value.message


def test_squash_fills_the_input_and_letterbox_keeps_the_aspect() -> None:
    pixels = _plain(255, 0, 0)
    squash = InputSpec(name="i", width=40, height=40)
    tensor, placement = prepare(pixels, squash)
    assert tensor.shape == (1, 40, 40, 3)
    assert tensor.dtype == np.uint8
    assert (placement.width, placement.height) == (1, 1)
    boxed = InputSpec(name="i", width=40, height=40, resize="letterbox", fill=(1, 2, 3))
    tensor, placement = prepare(pixels, boxed)
    assert (placement.left, placement.width, placement.height) == (0.1, 0.8, 1)
    assert tuple(tensor[0, 0, 0]) == (1, 2, 3)
    assert tuple(tensor[0, 0, 20]) == (255, 0, 0)


def test_a_float_input_is_normalised_per_channel() -> None:
    spec = InputSpec(name="i", width=8, height=9, layout="nchw-float32", mean=(0.5, 0.25, 0), std=(0.5, 0.25, 1))
    tensor, _ = prepare(_plain(255, 0, 51), spec)
    assert tensor.shape == (1, 3, 9, 8)
    assert tensor.dtype == np.float32
    np.testing.assert_allclose(tensor[0, :, 0, 0], [1, -1, 0.2], atol=1e-6)
