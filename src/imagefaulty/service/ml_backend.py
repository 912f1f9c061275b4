"""Label Studio's ML backend protocol: what it calls, and what it accepts as an answer.

Every answer is quick but that of ``/predict``, which leaves the event loop to the others while it works.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from imagefaulty.checks import CHECKS
from imagefaulty.errors import BadRequest, ImageFaultyError, LabelConfigError
from imagefaulty.labelstudio.config import LabelConfig, parse_label_config
from imagefaulty.labelstudio.predictions import NO_PREDICTION
from imagefaulty.service.batch import Batch, BatchPredictor, BatchResult, Inspects
from imagefaulty.service.bodies import dump_list, read_object
from imagefaulty.service.projects import ProjectBook
from imagefaulty.service.task import shown_id

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backend:
    """What the routes work with.

    Attributes:
        inspector: The engine.
        predictor: Works on batches of tasks.
        projects: What ``/setup`` told.
        limit_bytes: Largest request body that is read.
    """

    inspector: Inspects
    predictor: BatchPredictor
    projects: ProjectBook
    limit_bytes: int

    @property
    def model_version(self) -> str:
        """The one string by which Label Studio knows what is predicted already."""
        return self.inspector.bundle.model_version

    def config(self, text: str) -> LabelConfig:
        """Read a labelling configuration by the checks that there are: the four, and what was added to them."""
        own = tuple(check for check in self.inspector.checks if check not in CHECKS)
        return parse_label_config(text, CHECKS + own)


def routes() -> APIRouter:
    """Return the routes; they expect a :class:`Backend` as ``app.state.backend``."""
    router = APIRouter()
    for path in ("/", "/health"):
        router.add_api_route(path, health, methods=["GET"])
        # Monitors ask with HEAD.
        router.add_api_route(path, health, methods=["HEAD"], include_in_schema=False)
    router.add_api_route("/setup", setup, methods=["POST"])
    router.add_api_route("/predict", predict, methods=["POST"])
    router.add_api_route("/validate", validate, methods=["POST"])
    router.add_api_route("/webhook", webhook, methods=["POST"])
    router.add_api_route("/train", train, methods=["POST"])
    for path in ("/delete", "/duplicate_model"):
        router.add_api_route(path, nothing_to_do, methods=["POST"])
    for method in ("GET", "POST"):  # one route each: OpenAPI names an operation after path and method
        router.add_api_route("/versions", versions, methods=[method])
        router.add_api_route("/job_status", job_status, methods=[method])
    return router


async def health(request: Request) -> JSONResponse:
    """Say that the service is up."""
    return JSONResponse(
        {"status": "UP", "model_class": "ImageFaulty", "model_version": _backend(request).model_version}
    )


async def setup(request: Request) -> JSONResponse:
    """Learn about a project and name the model version. Never fails for a bad configuration: nobody would see why."""
    body = await _body(request)
    backend = _backend(request)
    key = str(body.get("project") or "")
    before = backend.projects.get(key).schema
    project = backend.projects.learn(
        key,
        schema=_text(body, "schema"),
        hostname=_text(body, "hostname"),
        access_token=_text(body, "access_token"),
    )
    # Label Studio calls this before nearly every prediction; the log need not hear the same each time.
    if project.schema and project.schema != before:
        _describe(key, project.schema, backend)
    return JSONResponse({"model_version": backend.model_version})


async def predict(request: Request) -> Response:
    """Predict tasks: one entry per task, ``{}`` where there is none, and ``errors`` that say why."""
    started = time.monotonic()
    body = await _body(request)
    backend = _backend(request)
    key = str(body.get("project") or "")
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise BadRequest("tasks must be a list of Label Studio's task objects")
    text = _text(body, "label_config") or backend.projects.get(key).schema
    if not text:
        raise BadRequest("label_config is missing; send the project's labelling configuration with the tasks")
    backend.projects.saw(key, text)
    project_id = key.partition(".")[0]
    try:
        config = backend.config(text)
    except LabelConfigError as error:
        _log.warning("project %s: %s", project_id or "?", error)
        return JSONResponse({"results": [NO_PREDICTION] * len(tasks), "error": _error(error)})
    batch = Batch(tasks, config, backend.projects.access(key), project_id)
    result = await backend.predictor.run(batch, spent_s=time.monotonic() - started)
    return await _reply(tasks, result)


async def validate(request: Request) -> JSONResponse:
    """Say which controls of a labelling configuration can be filled in; 400 if none can."""
    body = await _body(request)
    config = _backend(request).config(_text(body, "config") or _text(body, "label_config"))
    return JSONResponse({"status": "ok", **_summary(config)})


async def webhook(request: Request) -> JSONResponse:
    """Take note of an event at once; Label Studio keeps the annotator waiting meanwhile."""
    body = await _body(request)
    action = body.get("action")
    project = body.get("project")
    project_id = project.get("id") if isinstance(project, dict) else None
    if action == "START_TRAINING":
        return _untrained(project_id)
    _log.info("project %s: event %s", project_id, action)
    return JSONResponse({"status": "noted"})


async def train(request: Request) -> JSONResponse:
    """Answer the training call of older Label Studios."""
    await _body(request)
    return _untrained(None)


async def versions(request: Request) -> JSONResponse:
    """List the model versions that can answer."""
    return JSONResponse({"versions": [_backend(request).model_version]})


async def nothing_to_do(request: Request) -> JSONResponse:
    """Answer calls about per-project models, of which there are none to delete or copy."""
    await _body(request)
    return JSONResponse({"status": "ok"})


async def job_status() -> JSONResponse:
    """Say that no training job runs."""
    return JSONResponse({"status": "none", "message": "there are no training jobs"})


def _untrained(project_id: object) -> JSONResponse:
    message = "this version does not learn from annotations yet; nothing is trained"
    _log.warning("project %s: asked to train, but %s", project_id, message)
    return JSONResponse({"status": "ignored", "message": message})


async def _reply(tasks: Sequence[object], result: BatchResult) -> Response:
    """Label Studio reads ``results`` and drops the rest; ``errors`` is for people and other clients."""
    body = b'{"results":' + await dump_list(result.results)
    if result.failures:
        errors = [
            {"index": position, "task": shown_id(tasks[position]), "code": failure.code, "message": failure.message}
            for position, failure in sorted(result.failures.items())
        ]
        body += b',"errors":' + await dump_list(errors)
    return Response(body + b"}", media_type="application/json")


def _describe(key: str, schema: str, backend: Backend) -> None:
    """Log what can be done with a project's configuration."""
    try:
        config = backend.config(schema)
    except LabelConfigError as error:
        _log.warning("project %s: %s", key, error)
        return
    bound = [f"{binding.control} → {binding.check}" for binding in config.bindings]
    bound += [f"{marker.control} → where {', '.join(marker.emits)}" for marker in config.markers]
    _log.info("project %s: fills in %s", key, "; ".join(bound))
    for note in config.notes:
        _log.warning("project %s: %s", key, note)


def _summary(config: LabelConfig) -> dict[str, Any]:
    return {
        "controls": {binding.control: binding.check for binding in config.bindings},
        "places": {marker.control: list(marker.emits) for marker in config.markers},
        "notes": [str(note) for note in config.notes],
    }


def _error(error: ImageFaultyError) -> dict[str, str]:
    return {"code": error.code, "message": error.message}


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


async def _body(request: Request) -> dict[str, Any]:
    """Read a JSON object, no larger than allowed."""
    return await read_object(request, limit_bytes=_backend(request).limit_bytes)


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"{key} must be a string")
    return value
