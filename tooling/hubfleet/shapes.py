"""Says what the two schema languages find: yamale in a cluster.yaml, JSON Schema in values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hubfleet.errors import ProblemsError
from hubfleet.model import Problem
from hubfleet.parsing import shown, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import jsonschema_rs

    from hubfleet.ports import Tree
    from hubfleet.values import Values
    from hubfleet.yaml_reader import Document, Path


def shape_problems(schema_file: str, schema_text: str, documents: Iterable[Document]) -> Iterator[Problem]:
    """Yield what yamale finds wrong with each document."""
    import yamale  # type: ignore[import-untyped]  # noqa: PLC0415 - only `hubfleet check` pays for it

    try:
        schema = yamale.make_schema(content=schema_text)
    except (SyntaxError, ValueError) as error:
        yield Problem(schema_file, 0, "", "a schema that yamale can read", str(error))
        return
    for document in documents:
        data = [(document.value, document.file)]
        for result in yamale.validate(schema, data, strict=True, _raise_error=False):
            yield from (_of_yamale(document, error) for error in result.errors)


@dataclass(frozen=True, slots=True)
class ValuesSchema:
    """The values.schema.json of one chart."""

    schema: Mapping[str, object]
    validator: jsonschema_rs.Validator

    def problems(self, values: Values, prefix: str) -> Iterator[Problem]:
        """Yield what does not fit, at the file and line that set it. `prefix` is where the chart's values stand."""
        above = tuple(prefix.split(".")[:-1])
        for error in self.validator.iter_errors(values.beneath(prefix)):
            yield from self._of(error, values, above)

    def _of(self, error: jsonschema_rs.ValidationError, values: Values, above: Path) -> Iterator[Problem]:
        path = (*above, *error.instance_path)
        said = error.kind.as_dict()
        match error.kind.name:
            case "additionalProperties" | "unevaluatedProperties":
                for key in said["unexpected"]:
                    yield values.problem((*path, key), *unknown_key(key, self._known(error)))
            case "required":
                yield values.problem((*path, said["property"]), f"the key `{said['property']}`", "nothing")
            case "type":
                yield values.problem(path, " or ".join(said["types"]), shown(error.instance))
            case "enum":
                yield values.problem(path, f"one of {shown(said['options'])}", shown(error.instance))
            case "pattern":
                yield values.problem(path, f"text that fits {said['pattern']}", shown(error.instance))
            case _:
                yield values.problem(path, error.message, shown(error.instance))

    def _known(self, error: jsonschema_rs.ValidationError) -> Iterable[str]:
        """Return the keys that could stand in the place of an unknown one."""
        node: object = self.schema
        for part in error.schema_path[:-1]:
            node = node.get(part) if isinstance(node, Mapping) else None
        known = node.get("properties") if isinstance(node, Mapping) else None
        return known if isinstance(known, Mapping) else ()


def values_schema(tree: Tree, chart: str) -> ValuesSchema | None:
    """Read a chart's schema of values, if it has one; ProblemsError where it is none."""
    import jsonschema_rs  # noqa: PLC0415 - only `hubfleet check` pays for it

    file = f"{chart}/values.schema.json"
    if file not in tree.files():
        return None
    try:
        schema = json.loads(tree.read(file))
        return ValuesSchema(schema, jsonschema_rs.validator_for(schema))
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise ProblemsError([Problem(file, 0, "", "a JSON Schema", str(error))]) from error


def _of_yamale(document: Document, error: str) -> Problem:
    """Turn `hubs.0.stage: 'x' not in (…)` into a problem."""
    place, _, text = error.partition(": ")
    path = tuple(int(part) if part.isdigit() else part for part in place.split("."))
    return document.problem(path, "what the schema asks for", text)
