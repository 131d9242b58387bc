"""Every example of bodies, answers, headers and parameters, against its schema.

    python -m tests.contract.examples openapi/helpdesk.v1.json

What Spectral's `oas3-valid-media-example` demands, in a second: that rule writes the whole document into the schema of
each example, and takes longer than all other checks of the contract together.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

from helpdesk_api.web.openapi.nodes import reached

Json = dict[str, Any]


def misfits(document: Json) -> list[str]:
    """One line for each example that its schema does not allow."""
    schemas = document["components"]["schemas"]
    validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def validator(schema: Json) -> jsonschema_rs.Draft202012Validator:
        key = json.dumps(schema, sort_keys=True)
        if key not in validators:
            used = {name: schemas[name] for name in reached(schemas, iter([schema]))}
            whole = {"allOf": [schema], "components": {"schemas": used}}
            validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return validators[key]

    return [
        f"{place}: {error.message[:300]}"
        for place, schema, example in examples(document)
        for error in validator(schema).iter_errors(example)
    ]


def examples(document: Json) -> Iterator[tuple[str, Json, Any]]:
    """Wherever one stands beside a schema: its place, the schema, the example."""
    waiting: list[tuple[str, Any]] = [("#", document)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, list):
            waiting += [(f"{place}/{number}", child) for number, child in enumerate(node)]
        if not isinstance(node, dict):
            continue
        waiting += [(f"{place}/{name}", child) for name, child in node.items() if name not in {"example", "examples"}]
        if not isinstance(node.get("schema"), dict):
            continue
        if "example" in node:
            yield f"{place}/example", node["schema"], node["example"]
        for name, one in node.get("examples", {}).items():
            if "value" in one:
                yield f"{place}/examples/{name}", node["schema"], one["value"]


def main() -> int:
    document: Json = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    found = misfits(document)
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
