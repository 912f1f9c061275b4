"""The place for models and logic of your own: one class with a hook for each thing that can be changed.

``label/model.py`` holds such a class, ready to be edited; ``--customise FILE`` names another.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from imagefaulty._sessions import Provider
from imagefaulty.bundle import DEFAULT_OPERATING_POINT, Bundle, load_bundle
from imagefaulty.checks import CheckName
from imagefaulty.errors import ImageFaultyError, SettingsError
from imagefaulty.extras import ExtraCheck
from imagefaulty.finding import Finding
from imagefaulty.inspection import Inspector
from imagefaulty.pages import Limits


class Customisation:
    """Hooks around the engine; each does nothing until it is overridden.

    Attributes:
        version: Part of the model version that Label Studio stores. Change it when your rules change, so that Label
            Studio asks for predictions again.
    """

    version: str = ""

    def choose_bundle(self, bundle: Bundle) -> Bundle:
        """Return the bundle to serve.

        Args:
            bundle: What the settings name; give it back, or :func:`imagefaulty.bundle.load_bundle` another.
        """
        return bundle

    def extra_checks(self) -> Sequence[ExtraCheck]:
        """Return checks beside those of the bundle."""
        return ()

    def judge(self, finding: Finding) -> Finding:
        """Return a page's finding, changed or not: the place for verdict rules.

        Findings and answers are frozen; make changed ones with :func:`dataclasses.replace`. Failures do not come here.
        """
        return finding

    def finish(
        self,
        prediction: dict[str, Any],
        findings: Mapping[str, Finding],  # noqa: ARG002 - for those who override it
    ) -> dict[str, Any]:
        """Return a Label Studio prediction, changed or not, before it is sent.

        Args:
            prediction: ``{"result": [...], "score": ..., "model_version": ...}``.
            findings: Finding by key of the task's data.
        """
        return prediction

    def inspector(
        self,
        bundle: str | Path | None = None,
        *,
        published: Mapping[CheckName, str] | None = None,
        checks: Sequence[str] | None = None,
        operating_point: str = DEFAULT_OPERATING_POINT,
        limits: Limits | None = None,
        threads: int = 1,
        provider: Provider = "auto",
    ) -> Inspector:
        """Return an engine with these hooks in place; the arguments are those of :meth:`imagefaulty.Inspector.load`.

        Raises:
            ImageFaultyError: The bundle or an extra check cannot be used, or a hook fails.
        """
        given = load_bundle(bundle, published=published)
        with _naming("choose_bundle() failed"):
            chosen = self.choose_bundle(given)
        with _naming("extra_checks() failed"):
            extras = self.extra_checks()
        judged = type(self).judge is not Customisation.judge
        return Inspector(
            chosen,
            checks=checks,
            operating_point=operating_point,
            limits=limits,
            threads=threads,
            provider=provider,
            extras=extras,
            rules=(self.judge,) if judged else (),
            revision=self.version,
        )


def load_customisation(reference: str | Path | None) -> Customisation:
    """Make the customisation that a file or module holds. Its code is run: name only what you trust.

    Args:
        reference: ``FILE.py``, ``FILE.py:CLASS``, ``MODULE`` or ``MODULE:CLASS``; None means one without any changes.
            The class may be left out where there is only one.

    Raises:
        SettingsError: There is no such file, module or class, or it fails when it is loaded.
    """
    if reference is None:
        return Customisation()
    place, name = _split(str(reference))
    with _naming(f"{place}: cannot be loaded"):
        return _class(_module(place), name, place)()


@contextmanager
def _naming(what: str) -> Iterator[None]:
    """Turn errors of somebody's own code into one that its author can read: type and text are what they need."""
    try:
        yield
    except ImageFaultyError:
        raise
    except Exception as error:
        raise SettingsError(f"{what} ({type(error).__name__}: {error}); correct it") from error


def _split(reference: str) -> tuple[str, str]:
    """Return file or module, and class; a Windows path holds a colon too."""
    place, _, name = reference.rpartition(":")
    return (place, name) if place and name.isidentifier() else (reference, "")


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = Path(place).resolve()
    if not path.is_file():
        raise SettingsError(f"{place}: no such file; name the Python file with your class")
    # A name of its own for each file, so that two files called model.py do not get into each other's way.
    name = f"imagefaulty_customisation_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{place}: is not a Python file; name the one with your class")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _class(module: ModuleType, name: str, place: str) -> type[Customisation]:
    own = {
        each.__name__: each
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, Customisation) and each.__module__ == module.__name__
    }
    if name in own:
        return own[name]
    if not name and len(own) == 1:
        return next(iter(own.values()))
    found = ", ".join(own) or "none"
    raise SettingsError(f"{place}: give the name of one subclass of Customisation after a colon (it has: {found})")
