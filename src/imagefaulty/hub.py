"""Fetch a model bundle from the Hugging Face Hub, or from whatever ``HF_ENDPOINT`` names. Needs the extra ``hub``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imagefaulty.bundle import Bundle, load_bundle
from imagefaulty.checks import CheckName
from imagefaulty.errors import SettingsError, SourceError, SourceForbidden, SourceNotFound, SourceUnreachable

#: What a bundle is made of; nothing else of a repository is fetched, least of all its code.
_PATTERNS: Final = ("*.onnx", "*.onnx.data", "*.json", "*.md", "LICENSE*")
_REFERENCE: Final = re.compile(r"hf:(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class HubReference:
    """Where a bundle is on the hub.

    Attributes:
        repository: ``"OWNER/NAME"``.
        revision: Branch, tag or commit; None means the default branch.
    """

    repository: str
    revision: str | None = None


def parse_reference(text: str) -> HubReference:
    """Read ``hf:OWNER/NAME[@REVISION]``.

    Raises:
        SettingsError: The text has another form.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise SettingsError(f"{text!r} is not a hub reference; write hf:OWNER/NAME or hf:OWNER/NAME@REVISION")
    return HubReference(f"{found['owner']}/{found['name']}", found["revision"])


def pull(
    reference: HubReference, *, target: Path | None = None, published: Mapping[CheckName, str] | None = None
) -> Bundle:
    """Fetch a bundle and verify it.

    Args:
        reference: Where it is.
        target: Folder to put it in; None keeps it in the hub's cache (``HF_HOME``), where a second pull is free.
        published: Names of published files that differ, by check.

    Returns:
        The bundle; ``bundle.directory`` says where it is.

    Raises:
        SettingsError: The extra ``hub`` is not installed.
        SourceError: The repository or revision does not exist, wants a login, or the hub cannot be reached.
        BundleError: What was fetched is not a usable bundle.
    """
    return load_bundle(_snapshot(reference, target), published=published)


def _snapshot(reference: HubReference, target: Path | None) -> Path:
    try:
        from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError("bundles are fetched with huggingface_hub: pip install 'imagefaulty[hub]'") from None
    what = reference.repository + (f"@{reference.revision}" if reference.revision else "")
    try:
        folder = snapshot_download(
            reference.repository, revision=reference.revision, local_dir=target, allow_patterns=list(_PATTERNS)
        )
    # The texts of these errors quote addresses, so they stay out.
    except errors.GatedRepoError:
        raise SourceForbidden(f"{what} wants a login: accept its terms on the hub and set HF_TOKEN") from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        kind = "revision" if isinstance(error, errors.RevisionNotFoundError) else "repository"
        raise SourceNotFound(f"{what}: the hub has no such {kind}; if it is private, set HF_TOKEN") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise SourceUnreachable(f"{what}: the hub cannot be reached; check the network and HF_ENDPOINT") from None
    except (errors.HfHubHTTPError, errors.FileMetadataError, OSError) as error:
        raise SourceUnreachable(f"{what}: the download failed ({type(error).__name__}); try again") from None
    except errors.HFValidationError:
        raise SourceError(f"{what} is not a name that the hub allows; write hf:OWNER/NAME") from None
    except Exception as error:  # noqa: BLE001 - errors of its HTTP client, which the library lets through
        raise SourceUnreachable(f"{what}: the download broke off ({type(error).__name__}); try again") from None
    return Path(str(folder))
