"""`python -m gate.formats.json_schema` writes the schema of what `--json` prints.

Keys and descriptions are those of `gate/report.py`.
"""

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from gate.formats.json_document import REPORT

FILE = Path(__file__).parents[2] / "docs" / "reference" / "check.schema.json"


class _AllKeys(GenerateJsonSchema):
    """No key is left out of a document, whatever its default in Python."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True


def json_schema() -> dict[str, Any]:
    schema = REPORT.json_schema(mode="serialization", schema_generator=_AllKeys)
    outcome = {"$ref": "#/$defs/Outcome"}
    _add(schema["$defs"]["Section"], "outcome", outcome)
    # `cli/answer.py` writes a failure with the same keys, where there is no report.
    _add(schema, "outcome", {"anyOf": [outcome, {"type": "null"}]})
    version = schema["properties"]["pack_version"]
    schema["properties"]["pack_version"] = {"anyOf": [version, {"type": "null"}]}
    _add(schema, "error", {"anyOf": [{"type": "string"}, {"type": "null"}]})
    _add(schema, "problems", {"type": "array", "items": {"type": "object"}})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def text() -> str:
    return json.dumps(json_schema(), indent=2) + "\n"


def _add(schema: dict[str, Any], key: str, value: dict[str, Any]) -> None:
    schema["properties"][key] = value
    schema["required"].append(key)


if __name__ == "__main__":
    FILE.write_text(text())
