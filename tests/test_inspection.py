import io
import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagefaulty import Finding, Inspector, Limits
from imagefaulty._formats import Format, sniff
from imagefaulty.errors import SettingsError
from imagefaulty.pages import Document
from tests.bundles import tiny_bundle

WHITE, YELLOW, BLACK = (255, 255, 255), (255, 255, 0), (0, 0, 0)
RED, BLUE = (220, 40, 40), (40, 40, 220)


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Inspector:
    return Inspector.load(tiny_bundle(tmp_path_factory.mktemp("bundle")))


def scan(colour: tuple[int, int, int], form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 400), colour).save(buffer, form, dpi=(150, 150))
    return buffer.getvalue()


def document(*colours: tuple[int, int, int]) -> bytes:
    first, *rest = [Image.new("RGB", (120, 160), colour) for colour in colours]
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=rest)
    return buffer.getvalue()


def labels(finding: Finding) -> dict[str, str]:
    return {check: answer.label for check, answer in finding.answers.items()}


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (WHITE, {"empty": "empty", "post_it": "ok", "corner": "ok"}),
        (YELLOW, {"empty": "ok", "post_it": "post-it", "corner": "ok"}),
        (BLACK, {"empty": "ok", "post_it": "ok", "corner": "folded_corner"}),
        (RED, {"writing_type": "Handwritten"}),
        (BLUE, {"writing_type": "Typewritten"}),
    ],
)
def test_a_page_is_answered(inspector: Inspector, colour: tuple[int, int, int], expected: dict[str, str]) -> None:
    finding = inspector.inspect(scan(colour))
    assert finding.ok
    assert expected.items() <= labels(finding).items()


def test_probabilities_are_in_wire_order_and_certainty_is_the_least(inspector: Inspector) -> None:
    finding = inspector.inspect(scan(RED))
    for check in inspector.checks:
        answer = finding.answers[check.name]
        assert tuple(answer.probabilities) == check.class_names
        assert sum(answer.probabilities.values()) == pytest.approx(1)
        assert answer.code == check.code(answer.label)
    assert finding.certainty == min(answer.confidence for answer in finding.answers.values())


def test_a_finding_says_where_it_comes_from(inspector: Inspector, tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(scan(WHITE))
    provenance = inspector.inspect(path).provenance
    assert provenance.source == str(path)
    assert (provenance.page, provenance.pages, provenance.format) == (0, 1, "PNG")
    assert provenance.original_size == (300, 400)
    assert provenance.dpi == pytest.approx(150, abs=0.1)
    assert provenance.model.digest == inspector.bundle.digest
    assert provenance.model.thresholds["empty"] == (0.3, 0.7)


def test_the_dictionary_keeps_its_schema(inspector: Inspector) -> None:
    found = inspector.inspect(scan(WHITE), name="scan.png").to_dict()
    assert found["schema"] == "imagefaulty.finding/1"
    assert set(found) == {"schema", "source", "page", "pages", "answers", "certainty", "error", "provenance"}
    assert set(found["answers"]["empty"]) == {
        "label",
        "code",
        "confidence",
        "probabilities",
        "verdict",
        "regions",
    }


def test_a_fault_is_located_when_asked(inspector: Inspector) -> None:
    image = Image.new("RGB", (300, 400), (60, 60, 60))
    image.paste(BLACK, (0, 0, 300, 100))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    assert not inspector.inspect(buffer.getvalue()).answers["corner"].regions
    regions = inspector.inspect(buffer.getvalue(), evidence=True).answers["corner"].regions
    assert regions[0].box[1] == 0


def test_a_bad_source_is_a_finding_that_names_it(inspector: Inspector, tmp_path: Path) -> None:
    finding = inspector.inspect(tmp_path / "nowhere.jpg")
    assert finding.failure is not None
    assert finding.failure.code == "source_not_found"
    assert "nowhere.jpg" in finding.failure.message
    assert finding.certainty == 0
    assert finding.to_dict()["error"]["code"] == "source_not_found"


def test_limits_reach_the_decoder(tmp_path: Path) -> None:
    strict = Inspector.load(tiny_bundle(tmp_path), limits=Limits(pixels=1000))
    failure = strict.inspect(scan(WHITE), name="big.png").failure
    assert failure is not None
    assert failure.code == "page_too_large"
    assert "big.png" in failure.message


def test_every_page_of_a_document_is_inspected(inspector: Inspector) -> None:
    findings = list(inspector.inspect_pages(document(WHITE, BLACK, YELLOW)))
    assert [finding.provenance.page for finding in findings] == [0, 1, 2]
    assert [labels(finding)["corner"] for finding in findings] == ["ok", "folded_corner", "ok"]
    assert inspector.inspect(document(WHITE, BLACK), page=1).answers["corner"].label == "folded_corner"


def test_a_page_number_beyond_the_document_is_a_failure(inspector: Inspector) -> None:
    failure = inspector.inspect(scan(WHITE), page=7).failure
    assert failure is not None
    assert failure.code == "page_missing"


def test_many_sources_come_back_in_order_with_the_bad_one_in_its_place(inspector: Inspector) -> None:
    sources = [scan(WHITE), b"no image", document(BLACK, WHITE), scan(YELLOW)]
    findings = list(inspector.inspect_many(sources, workers=3))
    assert [finding.ok for finding in findings] == [True, False, True, True, True]
    assert [finding.provenance.pages for finding in findings if finding.ok] == [1, 2, 2, 1]


def test_many_sources_are_taken_only_as_they_are_needed(inspector: Inspector) -> None:
    taken = itertools.count()
    endless = (scan(WHITE) for _ in iter(lambda: next(taken), -1))
    assert len(list(itertools.islice(inspector.inspect_many(endless, workers=2), 3))) == 3
    assert next(taken) < 20


def test_one_inspector_serves_many_threads(inspector: Inspector) -> None:
    expected = {colour: inspector.inspect(scan(colour)).to_dict() for colour in (WHITE, YELLOW, BLACK)}
    wrong: list[dict[str, object]] = []

    def work(colour: tuple[int, int, int]) -> None:
        found = [inspector.inspect(scan(colour)).to_dict() for _ in range(10)]
        wrong.extend(each for each in found if each != expected[colour])

    threads = [threading.Thread(target=work, args=(colour,)) for colour in expected for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_unforeseen_error_is_a_finding_without_a_traceback(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise RuntimeError("secret inner detail")

    monkeypatch.setattr(Document, "page", explode)
    failure = inspector.inspect(scan(WHITE), name="scan.png").failure
    assert failure is not None
    assert failure.code == "internal"
    assert "secret" not in failure.message


def test_an_unforeseen_error_while_opening_spares_the_other_sources(
    inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(data: bytes) -> Format | None:
        if data == b"bad":
            raise RuntimeError("secret inner detail")
        return sniff(data)

    monkeypatch.setattr("imagefaulty.pages.sniff", explode)
    findings = list(inspector.inspect_many([b"bad", scan(WHITE)]))
    assert [finding.failure and finding.failure.code for finding in findings] == ["internal", None]
    assert inspector.inspect(b"bad").failure == findings[0].failure


def test_the_operating_point_moves_the_verdict_and_not_the_label(tmp_path: Path) -> None:
    home = tiny_bundle(tmp_path)
    page = scan((232, 232, 232))
    balanced = Inspector.load(home).inspect(page).answers["empty"]
    safe = Inspector.load(home, operating_point="safe").inspect(page).answers["empty"]
    assert balanced.label == safe.label
    assert balanced.probabilities == safe.probabilities
    assert 0.7 < balanced.probabilities["empty"] < 0.99
    assert (balanced.verdict, safe.verdict) == ("yes", "look")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"checks": ["corners"]}, "unknown check 'corners'"),
        ({"checks": []}, "no checks were asked for"),
        ({"operating_point": "bold"}, "no operating point 'bold'; it has balanced, safe"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_right_ones(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        Inspector.load(tiny_bundle(tmp_path), **settings)  # type: ignore[arg-type]


def test_checks_are_answered_in_wire_order_whatever_the_order_asked(tmp_path: Path) -> None:
    inspector = Inspector.load(tiny_bundle(tmp_path), checks=["empty", "post_it"])
    assert list(inspector.inspect(scan(WHITE)).answers) == ["post_it", "empty"]


def test_numpy_values_do_not_leak_into_the_dictionary(inspector: Inspector) -> None:
    def walk(value: object) -> None:
        assert not isinstance(value, np.generic | np.ndarray)
        if isinstance(value, dict):
            for each in value.values():
                walk(each)
        elif isinstance(value, list | tuple):
            for each in value:
                walk(each)

    walk(inspector.inspect(scan(BLACK), evidence=True).to_dict())
