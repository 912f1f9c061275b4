"""What a folder or a choice is called → the class that it means, in the words that labelling configurations use."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from imagefaulty.checks import CHECKS, Check
from imagefaulty.errors import SettingsError
from imagefaulty.labelstudio._meaning import Option, Unmatched, check_called, emissions, folded


@lru_cache(maxsize=4096)  # a tree asks the same few words of every page
def class_meant(word: str, check: Check) -> str | None:
    """Return the class of a check that a word means: its name, alias or synonym, or yes and no; None if none."""
    try:
        meant = emissions((Option(word, "", ()),), check)
    except Unmatched:
        return None
    return next(iter(meant)) if len(meant) == 1 else None


def the_check(name: str) -> Check:
    """Return the check that a flag or an argument names.

    Raises:
        SettingsError: There is no such check; the message lists those that there are.
    """
    check = check_called(name, CHECKS)
    if check is None:
        raise SettingsError(f"unknown check {name!r}; the checks are {', '.join(check.name for check in CHECKS)}")
    return check


def any_of(words: Iterable[str]) -> frozenset[str]:
    """Return words as they are compared: without regard to case, space, hyphen and underscore."""
    return frozenset(folded(word) for word in words)
