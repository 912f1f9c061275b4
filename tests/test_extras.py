from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import pytest
from PIL import Image

from imagefaulty import CHECKS, Check, Inspector, Page, PageClass
from imagefaulty.bundle import InputSpec, Thresholds, load_bundle
from imagefaulty.errors import BundleDamaged, BundleNotFound, SettingsError, SourceUnreachable
from imagefaulty.extras import FunctionCheck, OnnxCheck
from imagefaulty.finding import Finding
from imagefaulty.listing import write
from tests.bundles import tiny_bundle
from tests.published_models import tiny_graph

GREENISH = Check("tint", "Is it green?", (PageClass("plain", "N"), PageClass("green", "G")), fault="green")


def green(page: Page) -> Sequence[float]:
    share = float(page.pixels[..., 1].mean() / max(1.0, page.pixels.sum(axis=2).mean()))
    return [1 - share, share]


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 400), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle")


def test_an_extra_check_is_answered_after_the_four(home: Path) -> None:
    inspector = Inspector(load_bundle(home), extras=[FunctionCheck(GREENISH, green, thresholds=Thresholds(0.1, 0.9))])
    assert [check.name for check in inspector.checks] == ["writing_type", "post_it", "corner", "empty", "tint"]
    answer = inspector.inspect(picture("lime")).answers["tint"]
    assert (answer.label, answer.code, answer.verdict) == ("green", 1, "yes")
    assert inspector.inspect(picture("red")).answers["tint"].verdict == "no"


def test_it_flows_into_json_and_tables(home: Path) -> None:
    inspector = Inspector(load_bundle(home), extras=[FunctionCheck(GREENISH, green)])
    finding = inspector.inspect(picture("lime"), name="a.png")
    assert finding.to_dict()["answers"]["tint"]["label"] == "green"
    assert finding.to_dict()["provenance"]["model"]["thresholds"]["tint"] == (0.3, 0.7)
    line = json.loads("".join(write([finding], "jsonl", checks=inspector.checks, width=None)))
    assert line["answers"]["tint"]["verdict"] == "yes"
    assert "tint_verdict" in "".join(write([finding], "csv", checks=inspector.checks, width=None))
    assert "green 100%" in "".join(write([finding], "table", checks=inspector.checks, width=None))


def test_the_model_version_follows_extras_and_rules(home: Path) -> None:
    bundle = load_bundle(home)
    versions = {
        Inspector(bundle).bundle.model_version,
        Inspector(bundle, extras=[FunctionCheck(GREENISH, green)]).bundle.model_version,
        Inspector(bundle, extras=[FunctionCheck(GREENISH, green, version="2")]).bundle.model_version,
        Inspector(bundle, rules=[lambda finding: finding], revision="1").bundle.model_version,
        Inspector(bundle, rules=[lambda finding: finding], revision="2").bundle.model_version,
    }
    assert len(versions) == 5
    assert Inspector(bundle).bundle == bundle


def test_checks_can_be_chosen_by_name_extras_too(home: Path) -> None:
    bundle, extra = load_bundle(home), FunctionCheck(GREENISH, green)
    only = Inspector(bundle, checks=["tint", "empty"], extras=[extra])
    assert list(only.inspect(picture("white")).answers) == ["empty", "tint"]
    some = list(Inspector(bundle, extras=[extra]).inspect_pages(picture("white"), checks=["tint"]))
    assert list(some[0].answers) == ["tint"]
    with pytest.raises(SettingsError, match="unknown check 'tints'"):
        Inspector(bundle, checks=["tints"], extras=[extra])


def test_one_of_the_four_can_be_answered_elsewhere(home: Path) -> None:
    corner = next(check for check in CHECKS if check.name == "corner")
    inspector = Inspector(load_bundle(home), extras=[FunctionCheck(corner, lambda _: [0.1, 0.9])])
    assert inspector.checks == CHECKS
    finding = inspector.inspect(picture("white"))
    assert list(finding.answers) == [check.name for check in CHECKS]
    assert finding.answers["corner"].confidence == 0.9
    everything = [FunctionCheck(check, _first_class(len(check.classes))) for check in CHECKS]
    assert Inspector(load_bundle(home), extras=everything).inspect(picture("white")).certainty == 1


def _first_class(classes: int) -> Callable[[Page], Sequence[float]]:
    return lambda _: [1.0] + [0.0] * (classes - 1)


def test_names_and_classes_must_not_clash(home: Path) -> None:
    with pytest.raises(SettingsError, match="one of the four checks"):
        FunctionCheck(Check("corner", "?", (PageClass("a", "A"), PageClass("b", "B"))), green)
    with pytest.raises(SettingsError, match="two extra checks have one name"):
        Inspector(load_bundle(home), extras=[FunctionCheck(GREENISH, green)] * 2)


@pytest.mark.parametrize("values", [[0.5], [0.9, 0.9], [-0.5, 1.5], [float("nan"), 1.0], []])
def test_what_are_no_probabilities_fails_the_page_with_a_reason(home: Path, values: list[float]) -> None:
    finding = Inspector(load_bundle(home), extras=[FunctionCheck(GREENISH, lambda _: values)]).inspect(picture("red"))
    assert finding.failure is not None
    assert "check 'tint' must give 2 probabilities" in finding.failure.message


def test_an_extra_check_that_cannot_answer_fails_the_page_and_no_other(home: Path) -> None:
    def away(page: Page) -> Sequence[float]:
        if page.pixels[0, 0, 0] > 100:
            raise SourceUnreachable("the model server is away; start it")
        return green(page)

    def broken(page: Page) -> Sequence[float]:
        raise ZeroDivisionError(page.format)

    inspector = Inspector(load_bundle(home), extras=[FunctionCheck(GREENISH, away)])
    findings = list(inspector.inspect_many([picture("red"), picture("lime")]))
    assert findings[0].failure is not None
    assert findings[0].failure.code == "source_unreachable"
    assert findings[1].ok
    failed = Inspector(load_bundle(home), extras=[FunctionCheck(GREENISH, broken)]).inspect(picture("red"))
    assert failed.failure is not None
    assert failed.failure.code == "internal"


def test_full_resolution_is_given_to_who_asks_for_it(home: Path) -> None:
    sizes: list[tuple[int, ...]] = []

    def noted(page: Page) -> Sequence[float]:
        sizes.append(page.pixels.shape)
        return [1, 0]

    buffer = io.BytesIO()
    Image.new("L", (1600, 2000), 90).save(buffer, "JPEG")
    for page_size in (None, (100, 100)):
        extra = FunctionCheck(GREENISH, noted, page_size=page_size)
        Inspector(load_bundle(home), extras=[extra]).inspect(buffer.getvalue())
    assert sizes[0] == (2000, 1600, 3)
    assert sizes[1][0] < 500


def test_an_onnx_file_in_eight_bits_is_computed_right_on_every_processor(tmp_path: Path) -> None:
    """The option is asked for as for bundles, see ``test_sessions.py`` for what comes of it."""
    path = tmp_path / "tint.onnx"
    onnx.save(tiny_graph(2), path)
    spec = InputSpec(name="", width=224, height=224, layout="nchw-float32")
    options = OnnxCheck(GREENISH, path, input=spec)._session.get_session_options()
    assert options.get_session_config_entry("session.x64quantprecision") == "1"


def test_an_onnx_file_answers_and_its_digest_is_its_version(tmp_path: Path, home: Path) -> None:
    path = tmp_path / "tint.onnx"
    spec = InputSpec(name="", width=224, height=224, layout="nchw-float32")
    with pytest.raises(BundleNotFound, match=r"tint\.onnx: no such file"):
        OnnxCheck(GREENISH, path, input=spec)
    onnx.save(tiny_graph(2, seed=1), path)
    first = OnnxCheck(GREENISH, path, input=spec)
    assert Inspector(load_bundle(home), extras=[first]).inspect(picture("red")).ok
    onnx.save(tiny_graph(2, seed=2), path)
    assert OnnxCheck(GREENISH, path, input=spec).version != first.version
    onnx.save(tiny_graph(3), path)
    with pytest.raises(BundleDamaged, match="gives 3 classes, but check 'tint' has 2"):
        OnnxCheck(GREENISH, path, input=spec)
    path.write_bytes(b"no graph")
    with pytest.raises(BundleDamaged, match="does not load"):
        OnnxCheck(GREENISH, path, input=spec)


def test_a_rule_sees_findings_and_no_failures(home: Path) -> None:
    seen: list[Finding] = []

    def rule(finding: Finding) -> Finding:
        seen.append(finding)
        return finding

    inspector = Inspector(load_bundle(home), rules=[rule])
    inspector.inspect(picture("red"))
    inspector.inspect(b"no picture")
    assert len(seen) == 1
