"""Makes a chart's values.schema.json and the values table of its README.md from values.schema.yaml and values.yaml.

`python tooling/chart_docs.py [CHART …]` writes them, with `--check` it says which differ and fails.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "python tooling/chart_docs.py"
MARKER = f"Made from values.schema.yaml and values.yaml by `{COMMAND}`; do not edit."
BEGIN, END = f"<!-- values: {MARKER} -->", "<!-- end of values -->"
FOLDED = 60  # characters of a default beyond which the table shows its kind alone

Schema = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Write or check the files of the charts; 1 where one differs under `--check`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("charts", nargs="*", type=Path, default=charts(ROOT))
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is not as it would be")
    arguments = parser.parse_args(argv)
    stale = [path for chart in arguments.charts for path, text in files(chart).items() if old(path) != text]
    for chart in () if arguments.check else arguments.charts:
        for path, text in files(chart).items():
            path.write_text(text)
    for path in stale if arguments.check else ():
        print(f"{path}: not what {COMMAND} makes of values.schema.yaml and values.yaml; run it")
    return int(bool(arguments.check and stale))


def charts(root: Path) -> list[Path]:
    """Give the charts of a repository that have a hand-written schema."""
    return sorted(path.parent for path in root.glob("charts/*/values.schema.yaml"))


def files(chart: Path) -> dict[Path, str]:
    """Give the generated files of one chart with the text that they should have."""
    schema = yaml.safe_load((chart / "values.schema.yaml").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())
    readme = chart / "README.md"
    return {
        chart / "values.schema.json": json.dumps({"$comment": MARKER, **schema}, indent=2, ensure_ascii=False) + "\n",
        readme: with_table(old(readme) or f"# {chart.name}\n\n{BEGIN}\n{END}\n", table(schema, values)),
    }


def old(path: Path) -> str | None:
    """Read a file; None where there is none."""
    return path.read_text() if path.exists() else None


def with_table(readme: str, text: str) -> str:
    """Replace what stands between the two markers; ValueError where the text lacks them."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        message = f"README.md lacks the lines {BEGIN!r} and {END!r}"
        raise ValueError(message)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def table(schema: Schema, values: Schema) -> str:
    """Give the table of all values in the schema's order."""
    rows = [f"| `{key}` | {shown(value)} | {text} |" for key, value, text in leaves(schema, schema, values, "")]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows])


def leaves(whole: Schema, schema: Schema, values: Any, path: str) -> Iterator[tuple[str, Any, str]]:  # noqa: ANN401
    """Walk the schema: dotted path, default and description of everything that can be set."""
    for key, said in schema["properties"].items():
        below, value = resolve(whole, said), values.get(key) if isinstance(values, dict) else None
        dotted, text = f"{path}{key}", " ".join(said.get("description", "").split()).replace("|", "\\|")
        if key == "global":
            continue
        if "properties" not in below:
            yield dotted, value, text
            continue
        if text:
            yield dotted, ..., text
        yield from leaves(whole, below, value, f"{dotted}.")


def resolve(whole: Schema, said: Schema) -> Schema:
    """Follow a reference within the schema, such as `#/definitions/image`."""
    found: Schema = whole if "$ref" in said else said
    for part in said.get("$ref", "#").split("/")[1:]:
        found = found[part]
    return found


def shown(value: Any) -> str:  # noqa: ANN401 - a default may be anything
    """Show a default as it would be written in YAML."""
    if value is ... or value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= FOLDED else text[:FOLDED] + '…'}`"


if __name__ == "__main__":
    sys.exit(main())
