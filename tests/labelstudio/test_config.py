import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagefaulty.checks import CHECKS
from imagefaulty.errors import LabelConfigError
from imagefaulty.labelstudio.config import LabelConfig, parse_label_config


def view(*controls: str, image: str = '<Image name="image" value="$image"/>') -> str:
    return f"<View>{image}{''.join(controls)}</View>"


def choices(name: str, *choice: str, more: str = "") -> str:
    return f'<Choices name="{name}" toName="image" {more}>{"".join(choice)}</Choices>'


def choice(value: str, alias: str = "", more: str = "") -> str:
    return f'<Choice value="{value}"{f" alias={alias!r}" if alias else ""} {more}/>'


CORNER = choices("corner", choice("ok"), choice("folded_corner"))


def emits(config: LabelConfig) -> dict[str, dict[str, str]]:
    return {binding.control: dict(binding.emits) for binding in config.bindings}


def reasons(config: LabelConfig) -> str:
    return "\n".join(str(note) for note in config.notes)


def test_the_fixed_configuration_is_bound_with_its_aliases(labelling_config: str) -> None:
    config = parse_label_config(labelling_config)
    assert emits(config) == {
        "writing_type": {"Handwritten": "H", "Typewritten": "T", "Combination": "C"},
        "post_it": {"ok": "NP", "post-it": "P"},
        "corner": {"ok": "NC", "folded_corner": "C"},
        "empty": {"ok": "NE", "empty": "E"},
    }
    assert {binding.to_name for binding in config.bindings} == {"image"}
    assert config.data_keys == ("image",)
    assert config.notes == ()


def test_the_order_of_choices_means_nothing() -> None:
    shuffled = choices("empty", choice("empty", "E"), choice("ok", "NE"))
    assert emits(parse_label_config(view(shuffled))) == {"empty": {"ok": "NE", "empty": "E"}}


def test_a_choice_without_alias_emits_its_value_as_written() -> None:
    control = choices("post_it", choice("OK"), choice("Sticky  Note"), choice("unclear"))
    assert emits(parse_label_config(view(control))) == {"post_it": {"ok": "OK", "post-it": "Sticky  Note"}}


def test_an_empty_alias_is_no_alias() -> None:
    control = choices("corner", '<Choice value="ok" alias=""/>', '<Choice value="folded_corner" alias=""/>')
    assert emits(parse_label_config(view(control))) == {"corner": {"ok": "ok", "folded_corner": "folded_corner"}}


@pytest.mark.parametrize("name", ["post_it", "Post-It", "POSTIT", "post it"])
def test_a_name_is_recognised_however_it_is_written(name: str) -> None:
    config = parse_label_config(view(choices(name, choice("no"), choice("yes"))))
    assert emits(config) == {name: {"ok": "no", "post-it": "yes"}}


def test_a_translated_control_is_recognised_by_attribute_and_aliases() -> None:
    control = choices("Ecke", choice("heil", "NC"), choice("geknickt", "C"), more='check="corner"')
    assert emits(parse_label_config(view(control))) == {"Ecke": {"ok": "NC", "folded_corner": "C"}}


def test_predicted_values_overrule_what_a_choice_looks_like() -> None:
    control = choices(
        "empty", choice("blank", more='predicted_values="ok"'), choice("voll", more='predicted_values=" empty , x"')
    )
    assert emits(parse_label_config(view(control))) == {"empty": {"ok": "blank", "empty": "voll"}}


def test_predicted_values_may_give_one_choice_several_classes() -> None:
    control = choices(
        "writing_type", choice("by hand", more='predicted_values="Handwritten,Combination"'), choice("printed")
    )
    assert emits(parse_label_config(view(control))) == {
        "writing_type": {"Handwritten": "by hand", "Typewritten": "printed", "Combination": "by hand"}
    }


def test_a_control_with_a_name_of_its_own_is_recognised_by_its_choices() -> None:
    config = parse_label_config(view(choices("q1", choice("H"), choice("T"), choice("C"))))
    assert [(binding.control, binding.check) for binding in config.bindings] == [("q1", "writing_type")]


def test_choices_that_could_mean_several_checks_are_not_guessed() -> None:
    config = parse_label_config(view(CORNER, choices("q1", choice("yes"), choice("no"))))
    assert [binding.control for binding in config.bindings] == ["corner"]
    assert "'q1' could show any of post_it, corner, empty" in reasons(config)


def test_a_foreign_control_is_left_alone() -> None:
    config = parse_label_config(view(CORNER, choices("quality", choice("ok"), choice("empty"), choice("blurred"))))
    assert [binding.control for binding in config.bindings] == ["corner"]
    assert "'quality' is about none of the checks" in reasons(config)


def test_two_choices_of_one_meaning_are_not_guessed() -> None:
    config = parse_label_config(view(choices("corner", choice("ok"), choice("folded"), choice("torn")), EMPTY))
    assert [binding.control for binding in config.bindings] == ["empty"]
    assert "several choices that mean folded_corner ('folded' and 'torn')" in reasons(config)


EMPTY = choices("empty", choice("ok"), choice("empty"))


def test_the_name_of_a_class_outranks_its_synonyms() -> None:
    control = choices("corner", choice("ok"), choice("none"), choice("torn"), choice("folded_corner"))
    assert emits(parse_label_config(view(control)))["corner"] == {"ok": "ok", "folded_corner": "folded_corner"}


def test_a_choice_whose_alias_contradicts_its_value_is_not_guessed() -> None:
    config = parse_label_config(view(choices("writing_type", choice("Handwritten", "T"), choice("x", "C")), EMPTY))
    assert [binding.control for binding in config.bindings] == ["empty"]
    assert "mean different classes" in reasons(config)


def test_two_choices_that_are_stored_alike_are_not_used() -> None:
    config = parse_label_config(view(choices("corner", choice("ok", "X"), choice("folded_corner", "X")), EMPTY))
    assert [binding.control for binding in config.bindings] == ["empty"]
    assert "both stored as 'X'" in reasons(config)


def test_a_class_without_a_choice_stays_blank() -> None:
    config = parse_label_config(view(choices("corner", choice("folded_corner"))))
    assert emits(config) == {"corner": {"folded_corner": "folded_corner"}}
    assert "offers no choice for ok" in reasons(config)


def test_a_second_control_for_the_same_check_needs_the_attribute() -> None:
    again = choices("q2", choice("ok"), choice("folded_corner"))
    assert [b.control for b in parse_label_config(view(CORNER, again)).bindings] == ["corner"]
    marked = again.replace("<Choices", '<Choices check="corner"')
    assert [b.control for b in parse_label_config(view(CORNER, marked)).bindings] == ["q2"]
    rivals = view(again, again.replace("q2", "q3"), EMPTY)
    assert [b.control for b in parse_label_config(rivals).bindings] == ["empty"]
    assert "one of several" in reasons(parse_label_config(rivals))


@pytest.mark.parametrize(
    ("control", "reason"),
    [
        ('<Choices name="post_it" toName="text"><Choice value="ok"/></Choices>', "names no Image tag"),
        ('<Choices name="post_it" toName="image" value="$options"/>', "takes its choices from the task data"),
        ('<Choices name="post_it" toName="image" perRegion="true"><Choice value="ok"/></Choices>', "perRegion"),
        ('<Choices toName="image"><Choice value="ok"/></Choices>', "has no name"),
        (choices("q", choice("ok")) * 2, "stands twice"),
        (EMPTY + '<TextArea name="empty" toName="image"/>', "stands twice"),
        (choices("post_it", choice("a"), choice("b")), "none of its choices means one of ok (NP) / post-it (P)"),
        (choices("q", choice("ok"), more='check="cormer"'), "the checks are writing_type"),
        ('<Choices name="post_it" toName="image"><Choice/></Choices>', "none of its choices"),
    ],
)
def test_an_unusable_control_is_skipped_with_a_reason(control: str, reason: str) -> None:
    config = parse_label_config(view(CORNER, control, image='<Text name="text"/><Image name="image" value="$image"/>'))
    assert [binding.control for binding in config.bindings] == ["corner"]
    assert reason in reasons(config)


def test_several_images_do_not_confuse_the_controls() -> None:
    images = '<image name="front" value="$recto"/><Image name="back" valueList="$verso"/>'
    front = CORNER.replace('toName="image"', 'toName="front"')
    back = EMPTY.replace('toName="image"', 'toName="text,back,front"')
    config = parse_label_config(view(front, back, image=images))
    assert [(b.to_name, b.data_key) for b in config.bindings] == [("front", "recto"), ("back", "verso")]
    assert config.data_keys == ("recto", "verso")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("<View>", "not well-formed"),
        ("{}", "not well-formed"),
        ("<View/>\x00", "not well-formed"),
        ("<View>\ud800</View>", "not well-formed"),
        ("<View>&nbsp;</View>", "not well-formed"),
        ("<View/>", "no Choices tag"),
        (view(choices("sex", choice("a"), choice("b"))), "control 'sex' is about none of the checks"),
        (view(choices("corner", choice("a"))), "rename them or add predicted_values"),
        (view(CORNER, image='<Image name="image" value="scan.jpg"/>'), "write it as value="),
        ("<a>" * 300 + "</a>" * 300, "nested deeper"),
        ("<View>" + " " * 1_000_000 + "</View>", "longer than 1,000,000"),
    ],
)
def test_a_useless_configuration_gets_a_clear_message(text: str, message: str) -> None:
    with pytest.raises(LabelConfigError, match=r"labelling configuration") as caught:
        parse_label_config(text)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/evil.dtd">',
    ],
)
def test_entities_are_neither_expanded_nor_fetched(doctype: str) -> None:
    with pytest.raises(LabelConfigError, match="DOCTYPE"):
        parse_label_config(f"{doctype}<View>&x;</View>")


WORDS = [word for check in CHECKS for c in check.classes for word in (c.name, c.alias, *c.synonyms)]
ATTRIBUTE = st.one_of(st.sampled_from([*WORDS, "yes", "no", ""]), st.text("abC<>&\"'é ", max_size=5))


@st.composite
def any_config(draw: st.DrawFn) -> str:
    def attribute(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")

    controls = []
    for _ in range(draw(st.integers(0, 5))):
        name = draw(st.one_of(st.sampled_from([check.name for check in CHECKS]), ATTRIBUTE))
        options = draw(st.lists(st.tuples(ATTRIBUTE, ATTRIBUTE, ATTRIBUTE), max_size=4))
        inner = "".join(
            f'<Choice value="{attribute(v)}" alias="{attribute(a)}" predicted_values="{attribute(p)}"/>'
            for v, a, p in options
        )
        controls.append(f'<Choices name="{attribute(name)}" toName="image">{inner}</Choices>')
    return view(*controls)


@given(any_config())
def test_any_configuration_is_bound_without_doubt_or_refused(text: str) -> None:
    try:
        config = parse_label_config(text)
    except LabelConfigError:
        return
    assert config.bindings
    checks = {check.name: check for check in CHECKS}
    places = [(binding.check, binding.to_name) for binding in config.bindings]
    assert len(set(places)) == len(places)
    for binding in config.bindings:
        assert set(binding.emits) <= set(checks[binding.check].class_names)
        assert all(binding.emits.values())


@given(st.text(max_size=200))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(LabelConfigError):
        parse_label_config(text)
