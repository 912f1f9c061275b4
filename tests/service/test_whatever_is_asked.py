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
def any_control(draw: st.DrawFn, images: list[str], number: int) -> str:
    """A control that means a check, more or less: with its choices or labels, some of them missing or others added."""
    check = draw(st.sampled_from(CHECKS))
    kind = draw(st.sampled_from(["Choices", "Choices", "Choices", "RectangleLabels", "BrushLabels"]))
    name = draw(st.sampled_from([check.name, f"{check.name}{number}", "q"]))
    about = draw(st.sampled_from([*images, *images, *images, "nothing"]))
    more = draw(
        st.sampled_from(["", 'choice="multiple"', 'perItem="true"', 'perRegion="true"', f'check="{check.name}"'])
    )
    more += draw(st.sampled_from(["", "", ' model_score_threshold="0.7"', ' model_score_threshold="many"']))
    known = [draw(st.sampled_from([(c.name, c.alias), (c.alias, ""), ("x", c.name)])) for c in check.classes]
    added = draw(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["", *WORDS])), max_size=1))
    shown = draw(st.permutations(known + added))[: draw(st.sampled_from([1, 2, 4, 4]))]
    inner = "Choice" if kind == "Choices" else "Label"
    body = "".join(f'<{inner} value="{attribute(v)}" alias="{attribute(a)}"/>' for v, a in shown)
    return f'<{kind} name="{name}" toName="{about}" {more}>{body}</{kind}>'


@st.composite
def any_config(draw: st.DrawFn) -> str:
    """One or two images, single or lists, and controls of all kinds about them, usable or not."""
    images = {"image": "image", "back": "pages"}
    names = draw(st.sampled_from([["image"], ["back"], ["image", "back"]]))
    tags = [f'<Image name="{n}" {"valueList" if n == "back" else "value"}="${images[n]}"/>' for n in names]
    tags += [draw(any_control(names, number)) for number in range(draw(st.integers(1, 5)))]
    return f"<View>{''.join(draw(st.permutations(tags)))}</View>"


BAD = ["", None, 7, "s3://b/k", "/data/upload/x", "http://[", "data:,", "ftp://x/y", "\x00"]
REFERENCE: st.SearchStrategy[Any] = st.sampled_from([*PAGES * 3, *BAD])
DATA = st.fixed_dictionaries({"image": REFERENCE, "pages": st.lists(REFERENCE, min_size=1, max_size=3)})
GOOD_DATA = st.fixed_dictionaries(
    {"image": st.sampled_from(PAGES), "pages": st.lists(st.sampled_from(PAGES), min_size=1, max_size=3)}
)
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, 1, "task", [], {}, {"data": None}, {"data": []}, {"data": {"image": {}}}]
)
TASK: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries({"data": GOOD_DATA}),
    st.fixed_dictionaries({"data": GOOD_DATA}, optional={"id": st.integers() | st.text(max_size=3) | st.none()}),
    st.fixed_dictionaries({"data": DATA}, optional={"project": st.integers() | st.none()}),
    JUNK,
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    config=any_config(),
    asked=st.lists(st.tuples(TASK, st.sampled_from(["well", "well", "error", "surprise", "mute"])), max_size=4),
)
@example(config="<View/>", asked=[({"data": {"image": PAGES[0]}}, "well")])
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
