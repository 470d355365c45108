from catalog.metrics import reference
from catalog.metrics.rules import rule_problems


def test_the_committed_reference_is_that_of_the_rules() -> None:
    assert reference.FILE.read_text() == reference.markdown(reference.all_groups())


def test_the_rules_of_a_stack_with_everything_read_what_is_exported() -> None:
    assert rule_problems(reference.all_groups()) == []
