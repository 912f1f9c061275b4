"""Start the service with uvicorn, in one process or several."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from imagefaulty.customising import load_customisation
from imagefaulty.errors import SettingsError
from imagefaulty.service.app import create_app, load_inspector
from imagefaulty.service.logs import configure_logging
from imagefaulty.service.settings import Settings, read_settings

_log: Final = logging.getLogger(__name__)
# Long enough for a page that is being inspected, short enough for a container engine's ten seconds.
_SHUTDOWN_S: Final = 8


def serve(settings: Settings) -> None:
    """Serve until interrupted.

    The model bundle is loaded and the port taken before anything is served, so that a start that cannot work ends
    with an error instead. Worker processes get the settings by environment: arguments are visible to every user.

    Args:
        settings: All settings, see :func:`imagefaulty.service.settings.read_settings`.

    Raises:
        BundleError: The model bundle cannot be used.
        SettingsError: The address cannot be listened on.
    """
    configure_logging(settings.log_level)
    customisation = load_customisation(settings.customise)
    inspector = load_inspector(settings, customisation)
    with _listening(settings) as listener:
        _announce(settings, inspector.bundle.model_version)
        if settings.workers == 1:
            _run(create_app(settings, inspector, customisation), listener, settings)
            return
        del inspector, customisation
        os.environ.update(settings.to_environment())
        _run(f"{__name__}:{worker_app.__name__}", listener, settings)


def worker_app() -> FastAPI:
    """Build the application in a worker process, from the environment."""
    settings = read_settings(env_file=None)
    configure_logging(settings.log_level)
    return create_app(settings)


def _run(app: FastAPI | str, listener: socket.socket, settings: Settings) -> None:
    uvicorn.run(
        app,
        factory=isinstance(app, str),
        fd=listener.fileno(),
        workers=settings.workers,
        log_config=None,
        log_level=settings.log_level.lower(),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        # Label Studio keeps connections open between calls.
        timeout_keep_alive=30,
    )


def _listening(settings: Settings) -> socket.socket:
    """Take the port."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror or error}); "
            "choose another with --host and --port (HOST, PORT)"
        ) from None
    listener.set_inheritable(True)
    # uvicorn takes a socket by number for a Unix one, of which asyncio does not set this: answers were 40 ms late.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _announce(settings: Settings, model_version: str) -> None:
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    _log.info("serving %s on http://%s:%d", model_version, shown, settings.port)
    if settings.model_dir is not None and settings.bundle is None:
        _log.info("MODEL_DIR %s holds no model yet; the embedded one is served", settings.model_dir)
    if settings.basic_auth_user is None and not _is_loopback(settings.host):
        _log.warning(
            "no BASIC_AUTH_USER and BASIC_AUTH_PASS: whoever reaches port %d may use this service", settings.port
        )
    if not settings.label_studio_url:
        _log.info("no LABEL_STUDIO_URL: files inside Label Studio are asked for where its /setup call says it is")
    elif settings.label_studio_api_key is None:
        _log.info("no LABEL_STUDIO_API_KEY: files inside Label Studio are asked for with the token of its /setup call")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
