import json

from stacks import reference


def test_the_committed_reference_is_that_of_the_code() -> None:
    assert (reference.FOLDER / "settings.md").read_text() == reference.markdown()
    schema = json.loads((reference.FOLDER / "settings.schema.json").read_text())
    assert schema == reference.json_schema()
