"""What must hold of the repository as a whole: its papers, its pins and its budgets."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LISTED = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
FILES = sorted(
    path
    for name in subprocess.run(LISTED, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    if (path := ROOT / name).is_file()
)
PAPERS = [path for path in FILES if path.suffix == ".md"]
MODULES = [path for path in FILES if path.is_relative_to(ROOT / "tooling/hubfleet") and path.suffix == ".py"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(paper: Path) -> set[str]:
    """Name the anchors that forges make of a paper's headings."""
    headings = HEADING.findall(paper.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def sessions() -> set[str]:
    """Names of the sessions in noxfile.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {function.name for function in functions if function.decorator_list}


def asked_sessions(text: str) -> set[str]:
    """Every session that a text tells to run, by `nox -s ...`."""
    return {name for words in re.findall(r"nox -s ((?:[a-z]+ ?)+)", text) for name in words.split()}


def imported(path: Path) -> set[str]:
    """Name every module that a file imports, and `package.name` of every name."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}.{alias.name}" for node in froms for alias in node.names}
    return plain | names | {str(node.module) for node in froms}


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_links_lead_somewhere(paper: Path) -> None:
    dead = []
    for target in LINK.findall(CODE.sub("", paper.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (paper.parent / name).resolve() if name else paper
        if not found.exists() or (anchor and anchor not in anchors(found)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("paper", [*PAPERS, ROOT / ".ci/run"], ids=name_of)
def test_papers_name_sessions_that_exist(paper: Path) -> None:
    assert asked_sessions(paper.read_text()) <= sessions()


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    command = "nox -s tests"
    assert f"`{command}`" in (ROOT / "README.md").read_text()
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == command
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yaml").read_text())
    assert "bash .ci/run" in [step.get("run") for step in workflow["jobs"]["tests"]["steps"]]


def test_the_first_screen_of_the_readme_has_two_commands() -> None:
    assert COMMAND.findall((ROOT / "README.md").read_text())[:2] == ["pip install nox", "nox -s plan deploy"]


def test_every_package_is_pinned_to_one_version_that_its_requirement_allows() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = {item.name: item for item in map(Requirement, lines)}
    assert all([clause.operator for clause in item.specifier] == ["=="] for item in pins.values())
    project = PROJECT["project"]
    asked = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    for requirement in map(Requirement, asked):
        (pin,) = pins[requirement.name.lower().replace(".", "-")].specifier
        assert requirement.specifier.contains(Version(pin.version)), requirement


def test_the_constraints_say_how_they_are_made() -> None:
    assert "nox -s lock" in "".join((ROOT / "constraints.txt").read_text().splitlines(keepends=True)[:2])


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert PROJECT["project"]["license"] == "BSD-3-Clause"
    assert (ROOT / "LICENSE").read_text().startswith("BSD 3-Clause License")


def test_no_path_of_somebodys_machine_stands_in_a_file() -> None:
    theirs = re.compile(rb"/home/(?!jovyan|runner|hubfleet)[a-z]\w+/|/Users/[a-z]\w+/")
    assert [name_of(path) for path in FILES if theirs.search(path.read_bytes())] == []


def test_every_module_is_imported_by_a_test() -> None:
    names = {".".join(path.relative_to(ROOT / "tooling").with_suffix("").parts) for path in MODULES}
    modules = {name for name in names if not name.rpartition(".")[2].startswith("_")}
    tests = [path for path in FILES if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"]
    assert modules - set().union(*map(imported, tests)) == set()


def test_modules_and_functions_stay_within_their_budgets() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
    assert statistics.median(lengths.values()) <= 110
    functions = [
        (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.median(functions) <= 9
    assert statistics.quantiles(functions, n=20)[-1] <= 40
