from kdbench.spec import NamedChoice
from kdbench.spec.conditions import STANDARD
from kdbench.spec.signature import fill_options
from kdbench.zoo import Catalog


def test_the_seven_standard_environments_have_the_names_of_the_method() -> None:
    choices = [NamedChoice.model_validate(content) for content in STANDARD]
    names = ["noise", "blur", "contrast", "brightness", "rotation", "translation", "occlusion"]
    assert [choice.label for choice in choices] == names


def test_every_standard_environment_states_its_severity_as_an_option_that_the_view_takes() -> None:
    for content in STANDARD:
        choice = NamedChoice.model_validate(content)
        filled, problems = fill_options(Catalog().signature("views", choice.use), choice.options)
        assert problems == []
        assert filled == choice.options  # nothing is left to a default, which could change unseen
        assert len(filled) == 1
