"""The application: routes, authentication, error answers, and the life of what they share."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imagefaulty._version import __version__
from imagefaulty.customising import Customisation, load_customisation
from imagefaulty.errors import ImageFaultyError
from imagefaulty.inspection import Inspector
from imagefaulty.labelstudio.cache import DiskCache
from imagefaulty.labelstudio.hosts import HostList
from imagefaulty.labelstudio.media import MediaReader
from imagefaulty.service import detect, inspect_v1, ml_backend
from imagefaulty.service.allowed import AllowedSources
from imagefaulty.service.auth import LIVENESS_PATH, BasicAuth
from imagefaulty.service.batch import BatchPredictor
from imagefaulty.service.cors import Cors
from imagefaulty.service.incidents import IncidentLog
from imagefaulty.service.logs import place_of
from imagefaulty.service.metrics import Metrics
from imagefaulty.service.projects import ProjectBook
from imagefaulty.service.results import ResultCache
from imagefaulty.service.settings import Settings
from imagefaulty.service.status import Status
from imagefaulty.service.status_page import CONTENT_SECURITY_POLICY, page
from imagefaulty.service.token_check import TokenCheck
from imagefaulty.service.uploads import Desk, InspectsPages

_log: Final = logging.getLogger(__name__)


def create_app(
    settings: Settings, inspector: InspectsPages | None = None, customisation: Customisation | None = None
) -> FastAPI:
    """Build the application.

    Args:
        settings: All settings.
        inspector: The engine; None loads the bundle that the settings name.
        customisation: Hooks; None loads those that the settings name.

    Raises:
        BundleError: The bundle cannot be used; nothing is served then.
        SettingsError: The customisation, or a path or address that may be named, cannot be used.
    """
    hooks = load_customisation(settings.customise) if customisation is None else customisation
    engine = inspector if inspector is not None else load_inspector(settings, hooks)
    metrics = Metrics()
    hosts_of_images = HostList.read(settings.image_hosts)
    cache = DiskCache(settings.cache_dir, limit_bytes=int(settings.cache_bytes)) if settings.cache_dir else None
    desk = Desk(engine, metrics=metrics, threads=settings.threads, limit_bytes=int(settings.max_image_bytes))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _reader(settings, hosts_of_images, cache) as reader:
            app.state.incidents = IncidentLog()
            predictor = BatchPredictor(
                engine,
                reader,
                incidents=app.state.incidents,
                metrics=metrics,
                threads=settings.threads,
                fetches=settings.fetches,
                budget_s=settings.predict_budget_s,
                finish=hooks.finish,
                results=ResultCache(settings.result_cache_s),
            )
            projects = ProjectBook(settings)
            app.state.backend = ml_backend.Backend(engine, predictor, projects, int(settings.max_request_bytes))
            token = TokenCheck(reader, projects.access(""))
            app.state.status = Status(settings, app.state.backend, app.state.incidents, token, cache)
            checking = asyncio.create_task(token.run())
            try:
                yield
            finally:
                checking.cancel()
                predictor.close()
                desk.close()

    app = FastAPI(title="ImageFaulty", version=__version__, lifespan=lifespan)
    app.include_router(ml_backend.routes())
    app.include_router(detect.routes(desk, _allowed(settings)))
    app.include_router(inspect_v1.routes(desk, limit_bytes=int(settings.max_request_bytes)))
    _add_service_routes(app, metrics)
    _add_error_answers(app)
    # The last one added is the outermost.
    if settings.basic_auth_user and settings.basic_auth_pass:
        password = settings.basic_auth_pass.get_secret_value()
        app.add_middleware(BasicAuth, user=settings.basic_auth_user, password=password)
    if origins := settings.cors_origins.replace(",", " ").split():
        app.add_middleware(Cors, origins=origins, paths=(*detect.PATHS, inspect_v1.PATH))
    app.add_middleware(_Watch, metrics=metrics)
    return app


def _reader(settings: Settings, hosts: HostList, cache: DiskCache | None) -> MediaReader:
    return MediaReader(
        limit_bytes=int(settings.max_image_bytes),
        timeout_s=settings.fetch_timeout_s,
        connections=settings.threads + settings.fetches,
        hosts=hosts,
        cache=cache,
    )


def _allowed(settings: Settings) -> AllowedSources:
    return AllowedSources.read(
        settings.allowed_paths,
        settings.allowed_urls,
        limit_bytes=int(settings.max_image_bytes),
        timeout_s=settings.fetch_timeout_s,
    )


def load_inspector(settings: Settings, customisation: Customisation | None = None) -> Inspector:
    """Load the engine that the settings ask for.

    Args:
        settings: All settings.
        customisation: Hooks; None loads those that the settings name.

    Raises:
        BundleError: The bundle is missing, damaged or too new.
        SettingsError: The customisation cannot be loaded.
    """
    hooks = load_customisation(settings.customise) if customisation is None else customisation
    return hooks.inspector(
        settings.bundle, published=settings.published, limits=settings.limits, provider=settings.provider
    )


def _add_service_routes(app: FastAPI, metrics: Metrics) -> None:
    @app.get(LIVENESS_PATH)
    async def alive() -> JSONResponse:
        """Say that the process lives; open without credentials."""
        return JSONResponse({"status": "alive"})

    @app.get("/status", response_class=HTMLResponse)
    async def status(request: Request, format: Literal["html", "json"] | None = None) -> Response:  # noqa: A002 - in URLs
        """Say what is going on: a page for people, JSON for programs (Accept, or ?format=json)."""
        state = request.app.state.status.to_dict()
        headers = {"Cache-Control": "no-store"}
        if format == "json" or (format is None and _prefers_json(request.headers.get("Accept", ""))):
            return JSONResponse(state, headers=headers)
        return HTMLResponse(page(state), headers=headers | {"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    @app.get("/metrics")
    async def numbers() -> Response:
        """Return this process's numbers for Prometheus."""
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _prefers_json(accept: str) -> bool:
    return "application/json" in accept and "text/html" not in accept


def _add_error_answers(app: FastAPI) -> None:
    @app.exception_handler(ImageFaultyError)
    async def known(_request: Request, error: ImageFaultyError) -> JSONResponse:
        return _answer(error.http_status, error.code, error.message)

    @app.exception_handler(RequestValidationError)
    async def malformed(_request: Request, error: RequestValidationError) -> JSONResponse:
        reasons = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        return _answer(400, "bad_request", reasons)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http")
        answer = _answer(error.status_code, code, f"{request.method} {request.url.path}: {error.detail}")
        answer.headers.update(error.headers or {})
        return answer


def _answer(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


class _Watch:
    """Outermost middleware: counts requests, and turns what nobody foresaw into a plain 500, logged once."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0
        started = time.monotonic()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            _log.info("%s %s: the caller went away", scope["method"], scope["path"])
        except Exception as error:
            if status:
                raise
            _log.error(
                "%s %s: %s", scope["method"], scope["path"], place_of(error), exc_info=_log.isEnabledFor(logging.DEBUG)
            )
            await _answer(500, "internal", "unforeseen error; the service's log says where")(scope, receive, watched)
        finally:
            self._count(scope, status)
            _log.debug("%s %s %d %.3f s", scope["method"], scope["path"], status, time.monotonic() - started)

    def _count(self, scope: Scope, status: int) -> None:
        # Only paths that exist become labels: anybody can make up others.
        route = scope.get("route")
        self._metrics.requests.labels(getattr(route, "path", "other"), str(status)).inc()
