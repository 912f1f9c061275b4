import pytest

from imagefaulty.checks import CHECK_NAMES, CHECKS, Check, check_named


def test_classes_have_the_codes_that_the_original_service_sends() -> None:
    codes = {check.name: {name: check.code(name) for name in check.class_names} for check in CHECKS}
    assert codes == {
        "writing_type": {"Handwritten": 0, "Typewritten": 1, "Combination": 2},
        "post_it": {"ok": 0, "post-it": 1},
        "corner": {"ok": 0, "folded_corner": 1},
        "empty": {"ok": 0, "empty": 1},
    }


def test_names_and_checks_are_in_the_same_order() -> None:
    assert tuple(check.name for check in CHECKS) == CHECK_NAMES


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_no_two_classes_of_a_check_share_a_word(check: Check) -> None:
    words = [word.lower() for each in check.classes for word in {each.name, each.alias, *each.synonyms}]
    assert len(words) == len(set(words))


def test_an_unknown_check_or_class_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown check 'corners'; the checks are writing_type"):
        check_named("corners")
    with pytest.raises(ValueError, match=r"no class 'torn'; use one of ok, folded_corner"):
        check_named("corner").code("torn")
