from collections.abc import Iterator

from imagefaulty import errors
from imagefaulty.errors import ImageFaultyError


def _family(parent: type[ImageFaultyError] = ImageFaultyError) -> Iterator[type[ImageFaultyError]]:
    """The errors of the package that callers see; private ones stand for a public one, whose code they share."""
    private = any(part.startswith("_") for part in [parent.__name__, *parent.__module__.split(".")])
    if parent.__module__.startswith("imagefaulty.") and not private:
        yield parent
    for child in parent.__subclasses__():
        yield from _family(child)


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in _family()]
    assert len(codes) == len(set(codes))


def test_every_error_stands_in_the_drawn_tree() -> None:
    assert errors.__doc__ is not None
    for error in _family():
        assert error.__module__ == errors.__name__
        assert error.__name__ in errors.__doc__


def test_no_error_ends_a_command_as_if_all_were_well() -> None:
    assert all(error.exit_status > 0 for error in _family())
