"""The generated schema and the table of values are what their sources make."""

from __future__ import annotations

import json
import runpy
from typing import TYPE_CHECKING

import pytest
from tests.charts.rendering import CHARTS, ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCS = runpy.run_path(str(ROOT / "tooling" / "chart_docs.py"))
SCHEMA = """
type: object
additionalProperties: false
properties:
  global: {type: object}
  image: {description: The image., $ref: "#/definitions/image"}
  size: {type: string, description: "Small | large."}
definitions:
  image:
    properties:
      tag: {type: string, description: Its tag.}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    (tmp_path / "values.schema.yaml").write_text(SCHEMA)
    (tmp_path / "values.yaml").write_text("image: {tag: v1}\nsize: null\n")
    return tmp_path


@pytest.mark.parametrize("chart", sorted(path.parent.name for path in CHARTS.glob("*/values.schema.yaml")))
def test_generated_files_of_this_repository_are_up_to_date(chart: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert DOCS["main"](["--check", str(CHARTS / chart)]) == 0, capsys.readouterr().out


def test_a_table_has_a_row_for_each_value_and_follows_references(chart: Path) -> None:
    DOCS["main"]([str(chart)])
    readme = (chart / "README.md").read_text()
    assert "| `image` |  | The image. |" in readme
    assert '| `image.tag` | `"v1"` | Its tag. |' in readme
    assert "| `size` |  | Small \\| large. |" in readme
    assert "global" not in readme


def test_the_schema_says_that_it_is_made_and_how(chart: Path) -> None:
    DOCS["main"]([str(chart)])
    schema = json.loads((chart / "values.schema.json").read_text())
    assert DOCS["COMMAND"] in schema["$comment"]
    assert schema["properties"]["size"]["type"] == "string"


def test_prose_around_the_table_stays(chart: Path) -> None:
    (chart / "README.md").write_text(f"# Mine\n\n{DOCS['BEGIN']}\nold\n{DOCS['END']}\nbehind\n")
    DOCS["main"]([str(chart)])
    readme = (chart / "README.md").read_text()
    assert readme.startswith("# Mine\n")
    assert readme.endswith("behind\n")
    assert "\nold\n" not in readme


def test_a_readme_without_the_markers_is_refused(chart: Path) -> None:
    (chart / "README.md").write_text("# Mine\n")
    with pytest.raises(ValueError, match="lacks the lines"):
        DOCS["main"]([str(chart)])


def test_a_file_that_is_not_up_to_date_is_named(chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    DOCS["main"]([str(chart)])
    (chart / "values.yaml").write_text("image: {tag: v2}\n")
    assert DOCS["main"](["--check", str(chart)]) == 1
    assert "README.md: not what" in capsys.readouterr().out
    assert "v2" not in (chart / "README.md").read_text()
