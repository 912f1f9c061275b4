"""No row of what hurts Label Studio can come out of ``/predict``, whatever the configuration, tasks and failures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from imagefaulty import Finding, Inspector
from imagefaulty.checks import CHECKS
from imagefaulty.errors import SourceForbidden
from tests.judge import Judge
from tests.service.conftest import OpenClient, data_uri, picture

PAGES = [data_uri(picture(colour)) for colour in ((255, 255, 255), (255, 255, 0), (0, 0, 0), (220, 40, 40))]
WORDS = ["ok", "yes", "no", "C", "H", "post-it", "folded", "empty", "blank", "x", "", "<&>", "é"]


def attribute(text: str) -> str:
    """Text inside an XML attribute."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


@st.composite
def any_config(draw: st.DrawFn) -> str:
    """One or two images, single or lists, and controls of all kinds about them, usable or not."""
    images = [("image", "image"), ("back", "pages")][: draw(st.integers(1, 2))]
    tags = [f'<Image name="{name}" {"valueList" if key == "pages" else "value"}="${key}"/>' for name, key in images]
    for number in range(draw(st.integers(0, 5))):
        name = draw(st.sampled_from([*[check.name for check in CHECKS], f"q{number}", "q"]))
        about = draw(st.sampled_from([*[image for image, _ in images], "nothing"]))
        more = draw(st.sampled_from(["", 'choice="multiple"', 'perItem="true"', 'perRegion="true"', 'check="corner"']))
        more += draw(st.sampled_from(["", ' model_score_threshold="0.7"', ' model_score_threshold="many"']))
        tag, inner = draw(
            st.sampled_from([("Choices", "Choice")] * 3 + [("RectangleLabels", "Label"), ("BrushLabels", "Label")])
        )
        options = draw(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["", *WORDS])), max_size=3))
        body = "".join(f'<{inner} value="{attribute(v)}" alias="{attribute(a)}"/>' for v, a in options)
        tags.append(f'<{tag} name="{name}" toName="{about}" {more}>{body}</{tag}>')
    return f"<View>{''.join(draw(st.permutations(tags)))}</View>"


REFERENCE = st.sampled_from(
    [*PAGES, "", None, 7, "s3://b/k", "/data/upload/x", "http://[", "data:,", "ftp://x/y", "\x00"]
)
TASK = st.one_of(
    st.fixed_dictionaries(
        {"data": st.fixed_dictionaries({}, optional={"image": REFERENCE, "pages": st.lists(REFERENCE, max_size=3)})},
        optional={"id": st.integers() | st.text(max_size=3) | st.none(), "project": st.integers() | st.none()},
    ),
    st.sampled_from([None, 1, "task", [], {}, {"data": None}, {"data": []}, {"data": {"image": {}}}]),
)


class Moody:
    """An engine that fails now and then, in one way or the other."""

    def __init__(self, inspector: Inspector) -> None:
        self.bundle, self.checks = inspector.bundle, inspector.checks
        self.inspect_pages = inspector.inspect_pages
        self.moods: list[str] = []
        self._inspector = inspector

    def inspect(self, source: bytes, *, page: int = 0, name: str | None = None, evidence: bool = False) -> Finding:
        mood = self.moods.pop() if self.moods else "well"
        if mood == "error":
            raise SourceForbidden("not today")
        if mood == "surprise":
            raise KeyError("secret")
        finding = self._inspector.inspect(source, page=page, name=name, evidence=evidence)
        if mood == "mute":
            return Finding(finding.provenance, {})
        return finding


@pytest.fixture(scope="module")
def engine(inspector: Inspector) -> Moody:
    return Moody(inspector)


@pytest.fixture
def service(open_client: OpenClient, engine: Moody) -> Any:
    with open_client(engine, result_cache_s=0) as client:
        yield client


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    any_config(),
    st.lists(TASK, max_size=4),
    st.lists(st.sampled_from(["well", "error", "surprise", "mute"]), max_size=4),
)
@example("<View/>", [{"data": {"image": PAGES[0]}}], [])
def test_nothing_that_hurts_label_studio_is_ever_sent(
    service: TestClient, engine: Moody, label_studio_judge: Judge, config: str, asked: list[tuple[Any, str]]
) -> None:
    tasks, engine.moods = [task for task, _ in asked], [mood for _, mood in asked]
    version = service.get("/versions").json()["versions"][0]
    answer = service.post("/predict", json={"tasks": tasks, "project": "2.1", "label_config": config})
    assert answer.status_code == 200
    body = json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert len(body["results"]) == len(tasks)
    assert "secret" not in answer.text
    for entry in body["results"]:
        assert isinstance(entry, dict)
        if entry == {}:
            continue
        event(f"{len(entry['result'])} results")
        assert entry["model_version"] == version
        assert entry["score"] is None or 0 <= entry["score"] <= 1
        assert label_studio_judge.errors(config, entry) == []
