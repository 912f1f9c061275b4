"""One family of errors, each with a stable code, an exit status and an HTTP status.

::

    ImageFaultyError
    ├── SettingsError            a setting or an argument is wrong
    │   └── ManifestError        a manifest of labelled pages cannot be used
    ├── BundleError              a model bundle cannot be used
    │   ├── BundleNotFound
    │   ├── BundleDamaged
    │   └── BundleTooNew
    ├── SourceError              the bytes of a page could not be had
    │   ├── SourceNotFound
    │   ├── SourceUnreachable
    │   ├── SourceForbidden
    │   └── SourceTooLarge
    ├── PageError                the bytes are there, but no page comes out of them
    │   ├── PageEmptyFile
    │   ├── PageUnsupported
    │   ├── PageDamaged
    │   ├── PageTooLarge
    │   ├── PageEncrypted
    │   └── PageMissing
    ├── BadRequest               an HTTP request has not the shape that it should have
    │   └── RequestTooLarge
    ├── LabelConfigError         a labelling configuration offers nothing that we can fill in
    └── LabelStudioError         Label Studio did not do what it was asked
        ├── LabelStudioUnreachable
        ├── LabelStudioUnauthorized
        ├── LabelStudioNotFound
        └── LabelStudioRejected

A message names the file, task or setting concerned and says the cure. It never holds a token or a password, so it
may be shown to anyone who may see the request.
"""

from __future__ import annotations

from typing import ClassVar


class ImageFaultyError(Exception):
    """Base of every error that ImageFaulty raises on purpose.

    Attributes:
        code: Stable snake_case identifier, part of the public contract.
        exit_status: Exit status of the command line when this ends a command.
        http_status: Status of an HTTP answer that reports this error.
    """

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 70
    http_status: ClassVar[int] = 500

    @property
    def message(self) -> str:
        """What went wrong and what to do about it, in one line."""
        return str(self)


class SettingsError(ImageFaultyError):
    """A setting, flag or argument is wrong."""

    code = "settings"
    exit_status = 2
    http_status = 400


class ManifestError(SettingsError):
    """A manifest of labelled pages cannot be used."""

    code = "manifest"


class BundleError(ImageFaultyError):
    """A model bundle cannot be used."""

    code = "bundle"
    exit_status = 3


class BundleNotFound(BundleError):
    """There is no bundle at the given place."""

    code = "bundle_not_found"


class BundleDamaged(BundleError):
    """A bundle's manifest or one of its files is missing, altered or unreadable."""

    code = "bundle_damaged"


class BundleTooNew(BundleError):
    """A bundle has a format that this version does not know yet."""

    code = "bundle_too_new"


class SourceError(ImageFaultyError):
    """The bytes of a page could not be had."""

    code = "source"
    exit_status = 4
    http_status = 422


class SourceNotFound(SourceError):
    """The file or address does not exist."""

    code = "source_not_found"
    http_status = 404


class SourceUnreachable(SourceError):
    """The host did not answer, or not in time."""

    code = "source_unreachable"
    http_status = 502


class SourceForbidden(SourceError):
    """The host refused to hand the file out, or we refuse to ask for it."""

    code = "source_forbidden"
    http_status = 403


class SourceTooLarge(SourceError):
    """The file has more bytes than ``MAX_IMAGE_BYTES`` allows."""

    code = "source_too_large"
    http_status = 413


class PageError(ImageFaultyError):
    """The bytes are there, but no page comes out of them."""

    code = "page"
    exit_status = 4
    http_status = 422


class PageEmptyFile(PageError):
    """The file has no bytes."""

    code = "page_empty_file"


class PageUnsupported(PageError):
    """The file is not in a format that can be read."""

    code = "page_unsupported"
    http_status = 415


class PageDamaged(PageError):
    """The file is truncated or corrupt."""

    code = "page_damaged"


class PageTooLarge(PageError):
    """The page has more pixels than ``MAX_IMAGE_PIXELS`` allows."""

    code = "page_too_large"
    http_status = 413


class PageEncrypted(PageError):
    """The document is protected by a password."""

    code = "page_encrypted"


class PageMissing(PageError):
    """The document has no page of that number."""

    code = "page_missing"
    http_status = 404


class BadRequest(ImageFaultyError):
    """An HTTP request has not the shape that it should have."""

    code = "bad_request"
    exit_status = 2
    http_status = 400


class RequestTooLarge(BadRequest):
    """An HTTP request's body is larger than ``MAX_REQUEST_BYTES``."""

    code = "request_too_large"
    http_status = 413


class LabelConfigError(ImageFaultyError):
    """A labelling configuration offers nothing that we can fill in."""

    code = "label_config"
    exit_status = 2
    http_status = 400


class LabelStudioError(ImageFaultyError):
    """Label Studio did not do what it was asked."""

    code = "label_studio"
    exit_status = 5
    http_status = 502


class LabelStudioUnreachable(LabelStudioError):
    """Nothing answers at Label Studio's address, or not in time."""

    code = "label_studio_unreachable"


class LabelStudioUnauthorized(LabelStudioError):
    """Label Studio refused the token, or what its owner may do does not suffice."""

    code = "label_studio_unauthorized"


class LabelStudioNotFound(LabelStudioError):
    """Label Studio has no such project, task or connection, or the token's owner may not see it."""

    code = "label_studio_not_found"


class LabelStudioRejected(LabelStudioError):
    """Label Studio found the request wrong; the message holds its reason."""

    code = "label_studio_rejected"
