"""The reference of the policies."""

from policies import reference
from policies.pack import listed


def test_the_committed_reference_is_that_of_the_pack() -> None:
    assert reference.FILE.read_text() == reference.markdown(), "run python -m policies.reference"


def test_every_policy_is_there_with_its_settings() -> None:
    text = reference.markdown()
    for each in listed():
        _, _, rest = text.partition(f"\n### {each.policy.name}\n")
        told = rest.partition("\n### ")[0]
        assert f"({each.policy.url})" in told
        schema = each.policy.config_schema
        for key in schema.properties if schema else ():
            assert f"| `{key}` |" in told
