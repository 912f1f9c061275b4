import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imagefaulty.bundle import FORMAT, MANIFEST, load_bundle
from imagefaulty.checks import CHECK_NAMES
from imagefaulty.errors import BundleDamaged, BundleNotFound, BundleTooNew
from tests.bundles import tiny_bundle

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle")


def _edit(home: Path, edit: Edit) -> None:
    manifest = json.loads((home / MANIFEST).read_text())
    edit(manifest)
    (home / MANIFEST).write_text(json.dumps(manifest))


def test_what_was_written_is_read_back(home: Path) -> None:
    bundle = load_bundle(home)
    assert (bundle.name, bundle.version) == ("tiny", "1.0")
    assert tuple(bundle.checks) == CHECK_NAMES
    assert bundle.operating_points == ("balanced", "safe")
    assert bundle.graphs[0].outputs["empty"].classes == ("ok", "empty")


def test_the_embedded_bundle_is_whole_and_answers_every_check() -> None:
    bundle = load_bundle()
    assert tuple(bundle.checks) == CHECK_NAMES
    size_bytes = sum(path.stat().st_size for path in bundle.directory.iterdir())
    assert size_bytes <= 20_000_000


def test_the_model_version_is_stable_and_changes_with_a_threshold(home: Path) -> None:
    before = load_bundle(home).model_version
    assert load_bundle(home).model_version == before
    _edit(home, lambda manifest: manifest["checks"]["empty"]["thresholds"]["safe"].update(yes=0.95))
    assert load_bundle(home).model_version != before


def test_a_directory_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFound, match=r"no bundle\.json in it"):
        load_bundle(tmp_path)
    with pytest.raises(BundleNotFound, match="no such directory"):
        load_bundle(tmp_path / "nowhere")


def test_a_newer_format_asks_for_an_upgrade(home: Path) -> None:
    _edit(home, lambda manifest: manifest.update(format=FORMAT + 1))
    with pytest.raises(BundleTooNew, match="upgrade imagefaulty"):
        load_bundle(home)


def test_one_altered_byte_in_a_graph_is_found(home: Path) -> None:
    graph = home / "tiny.onnx"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(data)
    with pytest.raises(BundleDamaged, match=r"tiny.onnx: altered or truncated"):
        load_bundle(home)


def test_a_missing_graph_is_named(home: Path) -> None:
    (home / "tiny.onnx").unlink()
    with pytest.raises(BundleDamaged, match=r"tiny.onnx: cannot be read"):
        load_bundle(home)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00\xff"])
def test_a_manifest_that_is_no_json_object_is_refused(home: Path, text: str) -> None:
    (home / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(BundleDamaged, match="not a JSON object"):
        load_bundle(home)


_EDITS: dict[str, tuple[Edit, str]] = {
    "a file outside": (lambda m: m["graphs"][0].update(file="../x.onnx"), "not a plain file name"),
    "an unknown check": (lambda m: m["graphs"][0]["outputs"].update(mood={"name": "m", "classes": []}), "'mood'"),
    "unknown classes": (lambda m: m["graphs"][0]["outputs"]["empty"].update(classes=["a", "b"]), "classes of empty"),
    "no size": (lambda m: m["graphs"][0]["input"].update(width=0), "'width' must be a whole number"),
    "an unknown layout": (lambda m: m["graphs"][0]["input"].update(layout="nhcw"), "'layout' must be one of"),
    "a std of zero": (lambda m: m["graphs"][0]["input"].update(std=[1, 0, 1]), "std must be above 0"),
    "sums of no width": (lambda m: m["graphs"][0].update(narrow_sums="no"), "'narrow_sums' must be true or false"),
    "no number": (lambda m: m["checks"]["empty"].update(temperature="hot"), "'temperature' must hold finite"),
    "not a number": (lambda m: m["checks"]["empty"].update(temperature=float("nan")), "'temperature' must hold finite"),
    "no temperature": (lambda m: m["checks"]["empty"].update(temperature=0), "temperature must be above 0"),
    "thresholds crossed": (
        lambda m: m["checks"]["corner"]["thresholds"]["safe"].update(no=0.9, yes=0.1),
        "0 <= no <= yes <= 1",
    ),
    "no balanced thresholds": (lambda m: m["checks"]["corner"]["thresholds"].pop("balanced"), "operating point"),
    "a check without calibration": (lambda m: m["checks"].pop("corner"), "differ"),
    "no graphs": (lambda m: m.update(graphs=[]), "differ"),
    "graphs of the wrong kind": (lambda m: m.update(graphs="tiny.onnx"), "'graphs' must be a list"),
    "no name": (lambda m: m.pop("name"), "'name' must be a string"),
    "no format": (lambda m: m.pop("format"), "'format' must be a whole number"),
}


@pytest.mark.parametrize(("edit", "message"), _EDITS.values(), ids=_EDITS.keys())
def test_a_manifest_with_a_fault_is_refused_and_the_fault_named(home: Path, edit: Edit, message: str) -> None:
    _edit(home, edit)
    with pytest.raises(BundleDamaged, match=message) as caught:
        load_bundle(home)
    assert "\n" not in caught.value.message
