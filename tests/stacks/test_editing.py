"""A key of a stack file is put where it belongs, and nothing else moves."""

import pytest

from stacks.editing import dumped, put, yaml_like

TEXT = """\
# of all
charts:
  keda: "1.0.0" # why
  zones:
    - a
    # the second
    - b
  # about what follows
server: {model: x}
"""


def after(text: str, key: str, value: object, **said: object) -> str:
    yaml = yaml_like(text)
    document = yaml.load(text)
    put(document["charts"], key, value, **said)  # type: ignore[arg-type]
    return dumped(yaml, document)


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("    -", "  -").replace("    #", "  #")])
def test_what_says_so_already_stays(text: str) -> None:
    assert after(text, "keda", "1.0.0") == text
    assert after(text, "new", 4, default=4) == text


def test_a_value_is_replaced_beside_its_comment() -> None:
    assert after(TEXT, "keda", "2.0.0") == TEXT.replace("1.0.0", "2.0.0")


def test_a_new_key_is_put_behind_another() -> None:
    text = TEXT.replace(" # why", "")
    assert after(text, "new", 4, after="keda") == text.replace('"1.0.0"\n', '"1.0.0"\n  new: 4\n')


def test_a_new_key_is_not_put_between_a_comment_and_what_it_is_about() -> None:
    found = after(TEXT, "new", 4)
    assert "  # about what follows\nserver:" in found
    assert "  new: 4\n" in found
