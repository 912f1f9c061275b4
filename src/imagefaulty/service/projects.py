"""What ``/setup`` told about each project: where its Label Studio says it is, its token, its configuration."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from imagefaulty.errors import SettingsError
from imagefaulty.labelstudio.media import Access
from imagefaulty.labelstudio.references import Studio, studio_url
from imagefaulty.labelstudio.tokens import Token
from imagefaulty.service.settings import Settings

_log: Final = logging.getLogger(__name__)
_LIMIT: Final = 256
#: What is longer is not kept. Label Studio's keys have some 20 characters; configurations of a book of labels 100,000.
_KEY_CHARACTERS: Final = 200
_SCHEMA_CHARACTERS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Project:
    """A project as its last ``/setup`` described it.

    Attributes:
        schema: Its labelling configuration, "" if unknown.
        hostname: Label Studio's idea of its own address, "" if unknown.
        token: The token that came along, or None.
    """

    schema: str = ""
    hostname: str = ""
    token: Token | None = None


class ProjectBook:
    """The projects seen since the start, newest last; the oldest are forgotten.

    The configured address and token come first. A token from ``/setup`` may be sent to the configured address or to
    the one that came with it; the configured token goes to the configured address only, because anybody who can
    reach ``/setup`` can name any host there.
    """

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.label_studio_url
        secret = settings.label_studio_api_key
        self._token = Token(secret.get_secret_value(), "LABEL_STUDIO_API_KEY") if secret else None
        self._projects: OrderedDict[str, Project] = OrderedDict()

    def learn(self, key: str, *, schema: str, hostname: str, access_token: str) -> Project:
        """Remember what ``/setup`` says about a project and return it.

        Args:
            key: Label Studio's name of the project, ``"<id>.<creation time>"``.
            schema: Labelling configuration.
            hostname: Address of Label Studio as it sees itself.
            access_token: Its legacy token; never logged.
        """
        known = self._projects.pop(key, Project())
        token = known.token
        if access_token and (token is None or not token.holds(access_token)):
            token = Token(access_token, "/setup")
        project = Project(schema, _address(hostname), token)
        self._keep(key, project)
        return project

    def _keep(self, key: str, project: Project) -> None:
        if len(key) > _KEY_CHARACTERS or len(project.schema) > _SCHEMA_CHARACTERS:
            return
        self._projects.pop(key, None)
        self._projects[key] = project
        if len(self._projects) > _LIMIT:
            self._projects.popitem(last=False)

    def saw(self, key: str, schema: str) -> None:
        """Remember the labelling configuration that came with a project's tasks, which is newer than any other."""
        known = self._projects.get(key)
        if known is None or known.schema != schema:
            hostname, token = (known.hostname, known.token) if known else ("", None)
            self._keep(key, Project(schema, hostname, token))

    @property
    def latest(self) -> list[tuple[str, Project]]:
        """The projects that are remembered, by name, newest first."""
        return list(self._projects.items())[::-1]

    def get(self, key: str) -> Project:
        """Return what is known about a project, an empty description if nothing is."""
        return self._projects.get(key, Project())

    def access(self, key: str) -> Access:
        """Return how to reach the Label Studio of a project."""
        project = self.get(key)
        from_setup = (project.token,) if project.token else ()
        if not self._base_url:
            return Access(Studio(project.hostname), from_setup)
        configured = (self._token,) if self._token else ()
        aliases = (project.hostname,) if project.hostname else ()
        return Access(Studio(self._base_url, aliases), configured + from_setup)


def _address(hostname: str) -> str:
    try:
        return studio_url(hostname, setting="the hostname of /setup")
    except SettingsError as error:
        _log.warning("%s", error)
        return ""
