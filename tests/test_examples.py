"""The worked examples, run: each as its docstring says, over HTTP to Label Studio's answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from starlette.testclient import TestClient

from imagefaulty import Inspector
from imagefaulty.bundle import load_bundle, write_manifest
from imagefaulty.customising import load_customisation
from imagefaulty.published import PUBLISHED
from imagefaulty.service.app import create_app
from imagefaulty.service.settings import read_settings
from tests import bundles
from tests.bundles import tiny_bundle
from tests.conftest import REPOSITORY
from tests.published_models import write_published
from tests.service.conftest import data_uri, picture, task

EXAMPLES = REPOSITORY / "examples"
STAMPS = """<View><Image name="image" value="$image"/>
<Choices name="stamp" toName="image"><Choice value="No stamp"/><Choice value="stamp"/></Choices>
<Choices name="empty" toName="image"><Choice value="ok"/><Choice value="empty"/></Choices></View>"""
YELLOW, WHITE = (255, 255, 0), (255, 255, 255)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle")


def predict(home: Path, example: str, config: str, *pages: bytes) -> list[dict[str, Any]]:
    settings = read_settings(env_file=None, model_path=home, customise=str(EXAMPLES / example / "model.py"))
    with TestClient(create_app(settings)) as client:
        tasks = [task(number, data_uri(page)) for number, page in enumerate(pages)]
        reply = client.post("/predict", json={"tasks": tasks, "label_config": config, "project": "1.1"}).json()
        results: list[dict[str, Any]] = reply["results"]
        return results


def stamp_detector(path: Path) -> None:
    """A graph that takes much blue and little red for a stamp."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["page"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"], transB=1),
    ]
    weights = np.asarray([[10, 0, -10], [-10, 0, 10]], np.float32)
    graph = helper.make_graph(
        nodes,
        "stamps",
        [helper.make_tensor_value_info("page", TensorProto.FLOAT, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_the_stamp_detector_fills_its_control_and_the_json(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp_detector(tmp_path / "stamp.onnx")
    monkeypatch.setenv("STAMP_MODEL", str(tmp_path / "stamp.onnx"))
    blue, red = picture((0, 0, 255)), picture((255, 0, 0))
    with_stamp, without = predict(home, "stamp_detector", STAMPS, blue, red)
    chosen = {result["from_name"]: result["value"]["choices"] for result in with_stamp["result"]}
    assert chosen["stamp"] == ["stamp"]
    assert set(chosen) == {"stamp", "empty"}
    assert without["result"][0]["value"]["choices"] == ["No stamp"]
    hooks = load_customisation(EXAMPLES / "stamp_detector" / "model.py")
    finding = hooks.inspector(home).inspect(blue)
    assert finding.to_dict()["answers"]["stamp"]["verdict"] == "yes"


def test_the_stamp_detector_answers_over_http_too(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp_detector(tmp_path / "stamp.onnx")
    monkeypatch.setenv("STAMP_MODEL", str(tmp_path / "stamp.onnx"))
    customise = str(EXAMPLES / "stamp_detector" / "model.py")
    with TestClient(create_app(read_settings(env_file=None, model_path=home, customise=customise))) as client:
        finding = client.post("/v1/inspect?checks=stamp", content=picture((0, 0, 255))).json()[0]
    assert finding["answers"]["stamp"]["label"] == "stamp"


def test_the_verdict_rule_doubts_empty_pages_with_a_note(home: Path, labelling_config: str) -> None:
    pale = picture((255, 255, 205))
    plain = Inspector.load(home).inspect(pale)
    assert (plain.answers["empty"].label, plain.answers["post_it"].label) == ("empty", "ok")
    contradiction = _contradicting(home)
    hooks = load_customisation(EXAMPLES / "verdict_rule" / "model.py")
    finding = hooks.inspector(contradiction).inspect(pale)
    assert finding.answers["empty"].label == "empty"
    assert finding.answers["post_it"].label == "post-it"
    assert finding.answers["empty"].verdict == finding.answers["post_it"].verdict == "look"
    assert finding.answers["corner"].verdict == "no"
    doubted, clear = predict(contradiction, "verdict_rule", labelling_config, pale, picture((0, 0, 255)))
    assert doubted["score"] <= 0.5 < min(result["score"] for result in doubted["result"])
    assert clear["score"] == min(result["score"] for result in clear["result"])


def _contradicting(home: Path) -> Path:
    """The tiny bundle, made to see a note on every page that is not blue."""
    bundle = load_bundle(home)
    notes = [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, -1.0, -0.2]]
    onnx.save(bundles._model(bundles.WEIGHTS | {"post_it": notes}), home / "tiny.onnx")
    write_manifest(bundle)
    return home


class _Models(ThreadingHTTPServer):
    """A model server that speaks all three protocols over the published graphs, run by ONNX Runtime."""

    daemon_threads = True

    def __init__(self, home: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.sessions = {
            check: onnxruntime.InferenceSession(str(home / known.file)) for check, known in PUBLISHED.items()
        }
        self.asked: list[str] = []

    def run(self, model: str, tensor: np.ndarray[Any, Any]) -> list[list[float]]:
        logits: list[list[float]] = self.sessions[model].run(None, {"input": tensor.astype(np.float32)})[0].tolist()
        return logits


class _Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, _Models)
        self.server.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        parts = self.path.strip("/").split("/")
        model = parts[2]
        if model not in self.server.sessions:
            self._send(404, {"error": "unknown model"})
        elif parts[:2] == ["api", "sessions"]:
            tensor = np.asarray(json.loads(body)["input"])
            self._send(200, {"output": self.server.run(model, tensor)})
        else:
            logits = self.server.run(model, self._v2(body))
            output = {"name": "output", "datatype": "FP32", "shape": [1, len(logits[0])], "data": logits[0]}
            self._send(200, {"model_name": model, "outputs": [output]})

    def _v2(self, body: bytes) -> np.ndarray[Any, Any]:
        """Read the one input of an inference request, from JSON or from the bytes behind it."""
        length = int(self.headers.get("Inference-Header-Content-Length", len(body)))
        described = json.loads(body[:length])["inputs"][0]
        assert described["datatype"] == "FP32"
        if length < len(body):
            assert described["parameters"]["binary_data_size"] == len(body) - length
            return np.frombuffer(body[length:], "<f4").reshape(described["shape"])
        return np.asarray(described["data"]).reshape(described["shape"])

    def _send(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Stay quiet."""


@contextmanager
def serving(home: Path) -> Iterator[_Models]:
    server = _Models(home)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def remote(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Inspector]:
    """Call with the variables of the example to get the engine."""

    def made(**variables: str) -> Inspector:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_customisation(EXAMPLES / "remote_model" / "model.py").inspector(home)

    return made


@pytest.mark.parametrize(
    ("protocol", "version", "path"),
    [
        ("kserve", "", "/v2/models/corner/infer"),
        ("triton", "/3", "/v2/models/corner/versions/3/infer"),
        ("ort", "/v1", "/api/sessions/corner/v1"),
    ],
)
def test_a_model_server_answers_as_the_same_graphs_here(
    tmp_path: Path, remote: Callable[..., Inspector], protocol: str, version: str, path: str
) -> None:
    published = write_published(tmp_path / "published")
    page = picture((90, 140, 200))
    here = Inspector.load(published).inspect(page)
    with serving(published) as server:
        engine = remote(
            REMOTE_PROTOCOL=protocol,
            REMOTE_URL=f"http://127.0.0.1:{server.server_port}/",
            REMOTE_CHECKS=f"corner=corner{version} empty=empty{version}",
        )
        there = engine.inspect(page)
    assert path in server.asked
    assert len(server.asked) == 2
    for check in ("corner", "empty"):
        assert there.answers[check].probabilities == pytest.approx(here.answers[check].probabilities, abs=1e-5)
    assert there.answers["post_it"] == Inspector.load(tmp_path / "bundle").inspect(page).answers["post_it"]


def test_a_model_server_that_fails_fails_the_page_with_a_reason(
    tmp_path: Path, remote: Callable[..., Inspector]
) -> None:
    engine = remote(REMOTE_PROTOCOL="kserve", REMOTE_URL="http://127.0.0.1:9", REMOTE_CHECKS="corner=corner")
    away = engine.inspect(picture())
    assert away.failure is not None
    assert away.failure.code == "source_unreachable"
    assert "REMOTE_URL" in away.failure.message
    with serving(write_published(tmp_path / "published")) as server:
        engine = remote(REMOTE_URL=f"http://127.0.0.1:{server.server_port}", REMOTE_CHECKS="corner=kulma")
        refused = engine.inspect(picture())
    assert refused.failure is not None
    assert "answers 404" in refused.failure.message
