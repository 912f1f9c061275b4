"""The whole set-up of a project through Label Studio's API: configuration, connection, score column, webhook."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

from imagefaulty.checks import CHECKS, Check
from imagefaulty.errors import LabelStudioError, LabelStudioRejected, LabelStudioUnauthorized, SettingsError
from imagefaulty.labelstudio._xml import read_tags
from imagefaulty.labelstudio.client import LabelStudioClient
from imagefaulty.labelstudio.config import LabelConfig, parse_label_config
from imagefaulty.labelstudio.projects import (
    REVIEW_TAB,
    Connection,
    Guard,
    Project,
    add_review_tab,
    blocked_by,
    change_project,
    delete_connection,
    get_project,
    is_predicting,
    list_connections,
    list_webhooks,
    save_connection,
    save_webhook,
)
from imagefaulty.labelstudio.references import origin, shown

_PLACEHOLDER_TITLE: Final = "ImageFaulty"


@dataclass(frozen=True, slots=True)
class BackendAddress:
    """Where a backend is, as Label Studio must call it.

    Attributes:
        url: Its address, without a final slash.
        user: User name for HTTP Basic authentication, "" for none.
        password: Password.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The ``Authorization`` header, or nothing."""
        if not self.user:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()}


@dataclass(slots=True)
class Setup:
    """What was done to connect a project.

    Attributes:
        project: The project's number.
        connection: The connection's number.
        model_version: What the backend calls its model; also the connection's title.
        steps: What was changed, in words; empty if all was as it should be.
        warnings: What a person should look at.
    """

    project: int
    connection: int = 0
    model_version: str = ""
    steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """Return the set-up as JSON-ready values."""
        return asdict(self)


def backend_address(url: str, user: str = "", password: str = "") -> BackendAddress:
    """Check and tidy a backend's address.

    Raises:
        SettingsError: It is no http(s) address, holds credentials or a query, or a password is missing.
    """
    url = url.strip() if "://" in url else f"http://{url.strip()}"
    parts = urlsplit(url)
    try:
        origin(url)
    except ValueError:
        raise SettingsError(f"{shown(url)} is no address; give the backend's like http://imagefaulty:9090") from None
    if "@" in parts.netloc:
        raise SettingsError("the backend's address must not hold a password; set BASIC_AUTH_USER and BASIC_AUTH_PASS")
    if parts.query or parts.fragment:
        raise SettingsError("the backend's address must not have a query or fragment: Label Studio appends paths to it")
    if bool(user) != bool(password):
        raise SettingsError("set BASIC_AUTH_USER and BASIC_AUTH_PASS together, or neither")
    return BackendAddress(url.rstrip("/"), user, password)


def fixed_label_config() -> str:
    """Return the labelling configuration for projects that have none: an image and one control for each check."""
    return (files("imagefaulty.labelstudio") / "labelling_config.xml").read_text(encoding="utf-8")


async def connect_backend(
    client: LabelStudioClient, project: int, backend: BackendAddress, *, replace: bool = False, tab: bool = True
) -> Setup:
    """Connect a project to a backend, or repair the connection; doing it twice changes nothing the second time.

    Args:
        client: Label Studio.
        project: The project's number.
        backend: The backend.
        replace: Remove the project's other connections: Label Studio asks the first one only.
        tab: Add a tab to the Data Manager that shows the score, the least certain page first.

    Raises:
        LabelStudioError: Label Studio does not play along; the message says what to do.
        LabelConfigError: The project's own labelling configuration has no control that can be filled in.
    """
    setup = Setup(project)
    found = await get_project(client, project)
    if is_blank(found.label_config):
        setup.steps.append("gave the project the labelling configuration with all four checks")
    setup.warnings += [str(note) for note in (await ensure_label_config(client, found)).notes]
    others = await _connect(client, project, backend, setup)
    await _remove(client, others, setup, replace=replace)
    if found.model_version != setup.model_version:
        await change_project(client, project, {"model_version": setup.model_version})
        setup.steps.append(f"chose {setup.model_version} for the score column, sorting and uncertainty sampling")
    await _register_webhook(client, project, backend, setup)
    if tab and await add_review_tab(client, project):
        setup.steps.append(f'added the tab "{REVIEW_TAB}" to the Data Manager')
    if not found.prelabels:
        setup.warnings.append('annotators get no predictions: "Use predictions to prelabel tasks" is off')
    if found.tasks and not await is_predicting(client, setup.connection):
        setup.warnings.append("the backend gave no prediction for a random task; its log and its page /status say why")
    return setup


def known_checks(answered: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks that a labelling configuration may mean: ours, and those that a customisation adds."""
    return CHECKS + tuple(check for check in answered if check not in CHECKS)


async def ensure_label_config(
    client: LabelStudioClient, project: Project, checks: tuple[Check, ...] = CHECKS
) -> LabelConfig:
    """Return what a project's labelling configuration offers; give it the fixed one if it has none.

    Args:
        client: Label Studio.
        project: The project.
        checks: The checks that it may mean.

    Raises:
        LabelConfigError: It has one without a control that can be filled in.
        LabelStudioRejected: The project's tasks do not fit the fixed one.
    """
    if not is_blank(project.label_config):
        return parse_label_config(project.label_config, checks)
    await change_project(client, project.number, {"label_config": fixed_label_config()})
    return parse_label_config(fixed_label_config())


def is_blank(label_config: str) -> bool:
    """Return whether a labelling configuration is a new project's empty one."""
    if not label_config.strip():
        return True
    return not any(view.children for view in read_tags(label_config).children)


async def _connect(client: LabelStudioClient, project: int, backend: BackendAddress, setup: Setup) -> list[Connection]:
    """Make or repair the connection; return the project's other ones that come before it."""
    connections = await list_connections(client, project)
    own = next((each for each in connections if each.url.rstrip("/") == backend.url), None)
    title = own.title if own else _PLACEHOLDER_TITLE
    saved = await _saved(client, project, backend, number=own.number if own else None, title=title)
    if not saved.model_version:
        raise LabelStudioError(
            f"{backend.url} gave Label Studio no model version: is it ImageFaulty? {saved.error}".rstrip()
        )
    if saved.title != saved.model_version:
        await _saved(client, project, backend, number=saved.number, title=saved.model_version)
    if own is None:
        setup.steps.append(f"connected {backend.url}")
    elif own.title != saved.model_version:
        setup.steps.append(f"renamed the connection from {own.title!r} to {saved.model_version!r}")
    setup.connection, setup.model_version = saved.number, saved.model_version
    return [each for each in connections if own is None or each.number < own.number]


async def _saved(
    client: LabelStudioClient, project: int, backend: BackendAddress, *, number: int | None, title: str
) -> Connection:
    try:
        return await save_connection(
            client, project, number=number, url=backend.url, title=title, user=backend.user, password=backend.password
        )
    except LabelStudioUnauthorized as error:
        guard = await blocked_by(client, backend.url)
        if guard is None:
            raise
        raise LabelStudioUnauthorized(f"{error.message}; {blocked_cure(guard)}") from None
    except LabelStudioRejected as error:
        cures = "; ".join(_rejection_cures(error.message, backend))
        raise LabelStudioRejected(f"{error.message}; {cures}" if cures else error.message) from None


def blocked_cure(guard: Guard) -> str:
    """Say what to do about a guard that keeps Label Studio from a backend."""
    return (
        f"Label Studio guards against private addresses ({guard}): start it with ML_BLOCK_LOCAL_IP=false and "
        "SSRF_PROTECTION_ENABLED=false, both"
    )


def _rejection_cures(message: str, backend: BackendAddress) -> Iterator[str]:
    if "authentication parameters" in message:
        yield "set BASIC_AUTH_USER and BASIC_AUTH_PASS to the backend's own"
    elif "connect" in message.lower():
        yield "start the backend, or correct --backend-url"
        if is_loopback(backend.url):
            yield "inside a container localhost is the container itself: name the backend's container or host instead"


def is_loopback(url: str) -> bool:
    """Return whether an address names the machine, or container, that calls it."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


async def _remove(client: LabelStudioClient, others: list[Connection], setup: Setup, *, replace: bool) -> None:
    for other in others:
        if replace:
            await delete_connection(client, other.number)
            setup.steps.append(f"removed the connection to {shown(other.url)}")
        else:
            setup.warnings.append(
                f"the project asks {shown(other.url)} first, and only that; remove it, or use --replace"
            )


async def _register_webhook(client: LabelStudioClient, project: int, backend: BackendAddress, setup: Setup) -> None:
    """Give the webhook the credentials, which Label Studio itself leaves out."""
    url = f"{backend.url}/webhook"
    own = next((hook for hook in await list_webhooks(client, project) if hook.url == url), None)
    headers = {**(own.headers if own else {}), **backend.headers}
    if own is not None and own.active and dict(own.headers) == headers:
        return
    try:
        await save_webhook(client, project, number=own.number if own else None, url=url, headers=headers)
    except LabelStudioUnauthorized as error:
        guard = await blocked_by(client, backend.url)
        raise LabelStudioUnauthorized(f"{error.message}; {blocked_cure(guard)}" if guard else error.message) from None
    setup.steps.append("gave the webhook the backend's credentials" if backend.user else "registered the webhook")
